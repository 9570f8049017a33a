import { setTimeout as delay } from "node:timers/promises";
import { type Context, Errors, type Middleware, type ServiceBroker } from "moleculer";
import { callTimeoutMs, requestDeadlineMs } from "../lib/timeouts.ts";

/**
 * The one place that repeats calls (docs/adr/0015). If a call to another node fails on the way there or back, it is made again until
 * its time is over, each time to a node that the registry selects. Every action may be repeated: sends are idempotent by `clientId`.
 *
 * 1. A call's `timeout` is for all of its attempts together; by default it is the deadline of a client's request. Moleculer
 *    passes the time that is left to nested calls, here and on other nodes.
 * 2. One attempt takes `callTimeoutMs` at most, or the action's own `timeout` if that is longer. The other node gets the time of the
 *    attempt as its timeout, so that nothing there runs longer.
 * 3. Only a failure between this node and the next one is repeated. A failure of a nested call was repeated where that call was
 *    made. A local call is never repeated.
 * 4. With `retries: 0` there is one attempt.
 */
export const retry: Middleware = {
	name: "retry-remote-calls",
	remoteAction(next, action) {
		const ownTimeoutMs = (action as { timeout?: number }).timeout ?? 0;
		const attemptMs = Math.max(callTimeoutMs, ownTimeoutMs);
		const send = next as unknown as Send; // The type wants `this` to be a service; Moleculer's remote handler uses no `this`.
		return (ctx) => {
			const startedMs = performance.now();
			return attempt(this, send, ctx, attemptMs).catch((error: unknown) =>
				repeat(this, ctx, error, { attemptMs, deadlineMs: startedMs + (timeoutOf(ctx) || requestDeadlineMs) }),
			);
		};
	},
};

type Send = (ctx: Context) => Promise<unknown>;

/** Makes one attempt. If the call has no timeout (0), the attempt has none. */
function attempt(broker: ServiceBroker, send: Send, ctx: Context, attemptMs: number): Promise<unknown> {
	// Otherwise Moleculer would log an error for each packet.
	if (broker.transit?.tx.connected === false) return Promise.reject(new Errors.BrokerDisconnectedError("There is no bus."));
	const totalMs = timeoutOf(ctx);
	if (totalMs === 0) return send(ctx);
	const timeoutMs = Math.min(totalMs, attemptMs);
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => {
			// Otherwise Moleculer would wait for the answer as long as the other node lives.
			broker.transit?.removePendingRequest(ctx.id);
			reject(new Errors.RequestTimeoutError({ action: String(ctx.action?.name), nodeID: String(ctx.nodeID) }));
		}, timeoutMs);
		// Moleculer makes the packet in this turn of the event loop, with the timeout of the attempt. Code on this node that looks at
		// the call later needs the timeout of the whole call again.
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

async function repeat(broker: ServiceBroker, ctx: Context, error: unknown, { attemptMs, deadlineMs }: Limits): Promise<unknown> {
	const name = String(ctx.action?.name);
	const maxRepeats = ctx.options.retries ?? Number.POSITIVE_INFINITY;
	let failed = ctx;
	for (let repeats = 0; repeats < maxRepeats && isOfThisHop(broker, failed, error) && !broker.stopping; repeats++) {
		const waitMs = backoffMs(repeats);
		const leftMs = Math.floor(deadlineMs - performance.now() - waitMs);
		if (leftMs <= 0) break;
		await delay(waitMs);
		broker.logger.debug(`Repeating the call of ${name}:`, error);
		const endpoint = broker.findNextActionEndpoint(name, ctx.options, ctx);
		// No node has the action any more. A new call would be refused too.
		if (endpoint instanceof Error) throw endpoint;
		failed = ctx.copy(endpoint);
		// `retries: 0`: attempts are counted here, not on the other node.
		failed.options = { ...ctx.options, timeout: Math.min(leftMs, attemptMs), retries: 0 };
		try {
			return await (endpoint.action.handler as unknown as Send)(failed); // As above: it uses no `this`.
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

/** In milliseconds; 0: none. Moleculer has set its default already. */
function timeoutOf({ options }: Context): number {
	return options.timeout ?? 0;
}

/** Whether the request or its answer was lost, or the node refused it unread. Errors of nested calls name another action or node. */
function isOfThisHop(broker: ServiceBroker, { action, endpoint }: Context, error: unknown): boolean {
	if (!endpoint || endpoint.local) return false;
	const { type, data, nodeID } = error as { type?: unknown; data?: { action?: string; nodeID?: string }; nodeID?: string };
	const namesIt = data?.nodeID === endpoint.id && (data.action === undefined || data.action === action?.name);
	switch (type) {
		case "REQUEST_TIMEOUT":
			// The same timeout also runs on the other node and may end first. Its error names this node, the caller.
			return namesIt || (data?.nodeID === broker.nodeID && data.action === action?.name && nodeID === endpoint.id);
		case "REQUEST_REJECTED":
		case "SERVICE_NOT_AVAILABLE":
		case "SERVICE_NOT_FOUND":
		case "PACKET_LOST":
			return namesIt;
		case "BAD_GATEWAY":
			// Moleculer's code for «this node is not connected». Such an error from another node has that node's id.
			return nodeID === undefined;
		default:
			return false;
	}
}

/** The pause before a repetition: short at first, since most often another node answers; jittered. */
function backoffMs(repeats: number): number {
	return Math.min(1_000, 50 * 2 ** repeats) * (0.5 + Math.random() / 2);
}
