import type { Middleware, Service } from "moleculer";
import { ParleyError } from "../../lib/errors.ts";
import { contractOf } from "../../services/contracts.ts";
import { Facts } from "./facts.ts";
import { type Call, guards } from "./guards.ts";

/**
 * The one place that decides who may call an action: the `access` of the action's contract says which guards check a call
 * (guards.ts). It runs before validation, so that a stranger cannot learn from validation errors that something exists.
 */
export function authorize(): Middleware {
	const facts = new Facts();

	return {
		name: "authorize",
		localAction(next, action) {
			const { access } = contractOf(String(action.name)) ?? {};
			// Moleculer's own actions, such as `$node.list`, have no contract.
			if (access === undefined) return next;
			if (access === "internal") {
				// moleculer-web and moleculer-io publish no action of this visibility.
				action.visibility = "public";
				return next;
			}
			if (access === "anyone") return next;
			const checks = guards.flatMap((guard) => guard(access, facts) ?? []);

			return async function (this: Service, ctx: Call) {
				const { user } = ctx.meta;
				if (!user) throw new ParleyError("UNAUTHENTICATED");
				for (const check of checks) await check(ctx, user);
				return next.call(this, ctx);
			};
		},
	};
}
