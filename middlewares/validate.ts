import type { Context, Middleware, Service } from "moleculer";
import type { z } from "zod";
import { contractOf } from "../lib/contracts.ts";
import { ParleyError } from "../lib/errors.ts";

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
			const parsed = contract.params.safeParse(ctx.params ?? {});
			if (!parsed.success) throw refusal(parsed.error.issues);
			ctx.params = parsed.data;
			return next.call(this, ctx);
		};
	},
};

function refusal(issues: z.core.$ZodIssue[]): ParleyError {
	if (issues.some((issue) => issue.message === "NOT_FOUND")) return new ParleyError("NOT_FOUND");
	return new ParleyError("VALIDATION_FAILED", {
		details: issues.map(({ path, message }) => ({ path: path.join("."), message })),
	});
}
