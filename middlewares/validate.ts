import type { Context, Middleware, Service } from "moleculer";
import { parse } from "../lib/validation.ts";
import { contractOf } from "../services/contracts.ts";

/**
 * Checks every call against its contract on the node that serves it. The schema is looked up by name and never put into the
 * action definition: Moleculer deep-clones definitions, and a cloned zod schema accepts anything. The handler is async
 * because a synchronous throw would escape a local `call` instead of rejecting it.
 */
export const validate: Middleware = {
	name: "validate",
	localAction(next, action) {
		const contract = contractOf(String(action.name));
		if (!contract) return next;
		return async function (this: Service, ctx: Context) {
			ctx.params = parse(contract.params, ctx.params ?? {});
			return next.call(this, ctx);
		};
	},
};
