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
 * Counts the calls of users by the `rateLimit` of the action's contract, on the node that serves the action. The roles `admin` and
 * `platform` have no limits. Counting comes before all other checks, so that guessed ids and invalid requests count too. A request is
 * counted once, by the action that the user called, not by the actions that it calls in turn. The count is taken back when a resend
 * finds what the first request created, and when the failure is the server's. Queries over a socket have their own limit at the gateway.
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
				if (existedBefore(ctx.meta)) quota = await taken.giveBack();
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

/** Actions that create answer 201 when they created something, and 200 when it existed before. */
function existedBefore({ $statusCode }: Meta): boolean {
	return $statusCode === 200;
}

function headersOf({ limit, remaining, resetSeconds }: Quota): Record<string, string> {
	return {
		"RateLimit-Limit": String(limit),
		"RateLimit-Remaining": String(remaining),
		"RateLimit-Reset": String(resetSeconds),
	};
}
