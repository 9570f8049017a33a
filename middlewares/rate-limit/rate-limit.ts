import type { Context, Middleware, Service } from "moleculer";
import type { Meta } from "../../lib/access.ts";
import { isUnexpected, publicError } from "../../lib/errors.ts";
import { rateLimited } from "../../lib/rate.ts";
import { contractOf } from "../../services/contracts.ts";
import { Limits, type Quota } from "./limits.ts";

declare module "moleculer" {
	interface ServiceBroker {
		readonly limits: Limits;
	}
}

/**
 * Counts the calls of users by the `rateLimit` of the action's contract, on the node that serves it; `admin` and `platform` are
 * not limited. It comes before all other checks, so that who guesses ids or sends nonsense is stopped as well. What is given back:
 * a resend that found what it had made before, and failures that are ours. A request is counted once, by the action that was asked
 * for and not by what that calls in turn. A socket's queries have a limit of their own at its gateway.
 */
export const rateLimit: Middleware = {
	name: "rate-limit",
	created(broker) {
		Object.defineProperty(broker, "limits", { value: new Limits(broker.config, broker.getLogger("limits")) });
	},
	starting: (broker) => broker.limits.open(),
	async stopped(broker) {
		broker.limits.close();
	},
	localAction(next, action) {
		const policy = contractOf(String(action.name))?.rateLimit;
		const limiter = policy && this.limits.of(policy);
		if (!limiter) return next;

		return async function (this: Service, ctx: Context<unknown, Meta>) {
			const { user, $via, $counted } = ctx.meta;
			const hasOwnLimit = $via === "socket" && policy === "queries";
			if (user?.role !== "user" || $counted || hasOwnLimit) return next.call(this, ctx);
			ctx.meta.$counted = true;

			const taken = await limiter.take(user.id);
			let quota: Quota = taken;
			try {
				if (!quota.allowed) throw rateLimited(quota);
				const result = await next.call(this, ctx);
				if (wasThere(ctx.meta)) quota = await taken.giveBack();
				return result;
			} catch (error) {
				if (isUnexpected(publicError(error))) quota = await taken.giveBack();
				throw error;
			} finally {
				if ($via !== "socket") ctx.meta.$responseHeaders = { ...ctx.meta.$responseHeaders, ...headersOf(quota) };
			}
		};
	},
};

/** What creates says 201 for what is new, and 200 for what was there. */
function wasThere({ $statusCode }: Meta): boolean {
	return $statusCode === 200;
}

function headersOf({ limit, remaining, resetSeconds }: Quota): Record<string, string> {
	return {
		"RateLimit-Limit": String(limit),
		"RateLimit-Remaining": String(remaining),
		"RateLimit-Reset": String(resetSeconds),
	};
}
