import { setTimeout as delay } from "node:timers/promises";
import { type Context, Errors, type Middleware, type ServiceBroker } from "moleculer";
import { callTimeoutMs, requestDeadlineMs } from "../lib/timeouts.ts";

/**
 * The one place that repeats calls (docs/adr/0015). A call to another node that failed on the way there or back is made again, to
 * whichever node the registry names then, until its time is up. Every action may be repeated: sends are idempotent by `clientId`.
 *
 * 1. A call's `timeout` is for all of its attempts together; by default it is the deadline of a client's request. Moleculer
 *    gives what is left of it to the calls that are made on its behalf, here and on other nodes.
 * 2. One attempt takes `callTimeoutMs` at the most, or what the action itself says it takes. The other node is told that time, so
 *    that nothing there outlives the attempt.
 * 3. Only a failure of this very hop is repeated. What failed further down was repeated there. A local call is never repeated.
 * 4. `retries: 0` makes a call single.
 */
export const retry: Middleware = {
	name: "retry-remote-calls",
	remoteAction(next, action) {
		const ownTimeoutMs = (action as { timeout?: number }).timeout ?? 0;
		const attemptMs = Math.max(callTimeoutMs, ownTimeoutMs);
		// Moleculer's own, which needs no `this`, though its type says so.
		const send = next as unknown as Send;
		return (ctx) => {
			const startedMs = performance.now();
			return attempt(this, send, ctx, attemptMs).catch((error: unknown) =>
				again(this, ctx, error, { attemptMs, deadlineMs: startedMs + (timeoutOf(ctx) || requestDeadlineMs) }),
			);
		};
	},
};

type Send = (ctx: Context) => Promise<unknown>;

/** Without a time-out of the call itself (0), there is none here. */
function attempt(broker: ServiceBroker, send: Send, ctx: Context, attemptMs: number): Promise<unknown> {
	// Said here once, and not logged as an error by Moleculer for each packet.
	if (broker.transit?.tx.connected === false) return Promise.reject(new Errors.BrokerDisconnectedError("There is no bus."));
	const totalMs = timeoutOf(ctx);
	if (totalMs === 0) return send(ctx);
	const timeoutMs = Math.min(totalMs, attemptMs);
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => {
			// Moleculer would wait for the answer as long as the other node lives.
			broker.transit?.removePendingRequest(ctx.id);
			reject(new Errors.RequestTimeoutError({ action: String(ctx.action?.name), nodeID: String(ctx.nodeID) }));
		}, timeoutMs);
		// The packet, which is made in this turn, tells the other node the time of the attempt. What waits here for the call as a
		// whole needs the time of all attempts.
		const { options } = ctx;
		options.timeout = timeoutMs;
		const answered = send(ctx);
		options.timeout = totalMs;
		answered.then(
			(answer) => {
				clearTimeout(timer);
				resolve(answer);
			},
			(error) => {
				clearTimeout(timer);
				reject(error);
			},
		);
	});
}

async function again(broker: ServiceBroker, ctx: Context, error: unknown, { attemptMs, deadlineMs }: Limits): Promise<unknown> {
	const name = String(ctx.action?.name);
	const most = ctx.options.retries ?? Number.POSITIVE_INFINITY;
	let failed = ctx;
	for (let repeats = 0; repeats < most && isOfThisHop(broker, failed, error) && !broker.stopping; repeats++) {
		const waitMs = backoffMs(repeats);
		const leftMs = Math.floor(deadlineMs - performance.now() - waitMs);
		if (leftMs <= 0) break;
		await delay(waitMs);
		broker.logger.debug(`Calling ${name} again:`, error);
		const endpoint = broker.findNextActionEndpoint(name, ctx.options, ctx);
		// Nobody is left to ask. A new call would be refused as well.
		if (endpoint instanceof Error) throw endpoint;
		failed = ctx.copy(endpoint);
		// `retries`: the repetitions are counted here, not there.
		failed.options = { ...ctx.options, timeout: Math.min(leftMs, attemptMs), retries: 0 };
		try {
			return await (endpoint.action.handler as unknown as Send)(failed);
		} catch (next) {
			error = next;
		}
	}
	throw error;
}

interface Limits {
	attemptMs: number;
	deadlineMs: number;
}

/** In milliseconds; 0: none. Moleculer has put its default there. */
function timeoutOf({ options }: Context): number {
	return options.timeout ?? 0;
}

/** The request or its answer was lost, or the node refused it unread. Errors from further down name another action or node. */
function isOfThisHop(broker: ServiceBroker, { action, endpoint }: Context, error: unknown): boolean {
	if (!endpoint || endpoint.local) return false;
	const { type, data, nodeID } = error as { type?: unknown; data?: { action?: string; nodeID?: string }; nodeID?: string };
	const namesIt = data?.nodeID === endpoint.id && (data.action === undefined || data.action === action?.name);
	switch (type) {
		case "REQUEST_TIMEOUT":
			// The other node's own clock for the same attempt may be the faster one. It names us, as whom it was asked by.
			return namesIt || (data?.nodeID === broker.nodeID && data.action === action?.name && nodeID === endpoint.id);
		case "REQUEST_REJECTED":
		case "SERVICE_NOT_AVAILABLE":
		case "SERVICE_NOT_FOUND":
		case "PACKET_LOST":
			return namesIt;
		case "BAD_GATEWAY":
			// Moleculer's word for «this node is not connected». What came from another node names that.
			return nodeID === undefined;
		default:
			return false;
	}
}

/** At first at once: most often another node answers. Never in step with others. */
function backoffMs(repeats: number): number {
	return Math.min(1_000, 50 * 2 ** repeats) * (0.5 + Math.random() / 2);
}
