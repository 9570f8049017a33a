import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import { type ActionInput, callsOf } from "../contracts.ts";
import { maxReported, mergeStatuses } from "../presence/presence.contract.ts";
import { ReportQueue } from "./report-queue.ts";
import type { Sockets } from "./sockets.ts";

/** Options of calls to the registry. The broker does not repeat them, since the next attempt has newer statuses. */
const options = { timeout: 2_000, retries: 0 };

/** How long a client that connects waits for the registry at most. */
const registrationTimeoutMs = 500;

/** The pause between attempts: half to all of this at random, doubled with each attempt. */
const firstPauseMs = 100;
const maxPauseMs = 1_000;

/** Called when the registry was wrong about this gateway, so that pushes may have been missed. */
export interface ReporterHooks {
	/** These users were connected before they were registered. They are registered now. */
	onLate(userIds: string[]): void;
	/** The registry did not have what this gateway had reported. It has all users now. */
	onLost(): void;
}

/**
 * Reports to the registry which users have sockets on this node. A user is reported before their socket is connected: messages
 * committed after that are pushed here, and messages committed before are in the `sync` that the client asks for next. Without
 * the registry everything still works, with more traffic.
 *
 * 1. There is one call at a time, a report or a renewal of the lease. A report that fails is repeated until it is acknowledged.
 * 2. Each report has a higher number than all before. The registry ignores one that arrives after a newer one, so a repeated or
 *    late report undoes nothing.
 * 3. A renewal carries a digest of what was reported so far. If the registry's digest differs, all users are reported again.
 */
export class PresenceReporter {
	readonly #broker: ServiceBroker;
	readonly #sockets: Sockets;
	readonly #hooks: Partial<ReporterHooks>;
	readonly #queue: ReportQueue;
	#number = 0;
	/** While all users are reported: the number of the first of these reports, and how many users are left. */
	#fullReport: { since: number; left: number } | undefined;
	#isRenewalDue = false;
	#working: Promise<void> | undefined;
	readonly #stopping = new AbortController();

	constructor(broker: ServiceBroker, sockets: Sockets, hooks: Partial<ReporterHooks> = {}) {
		this.#broker = broker;
		this.#sockets = sockets;
		this.#hooks = hooks;
		this.#queue = new ReportQueue((userId) => mergeStatuses(sockets.of(userId).map(({ data }) => data.status ?? "online")));
	}

	/**
	 * To be called when a user's status may have changed. `chosen`: the user has set it, no socket disconnected. Resolves when the
	 * registry has it, or after 0.5 s.
	 */
	async report(userId: string, { chosen = false } = {}): Promise<void> {
		const pending = this.#queue.add(userId, chosen);
		if (!pending) return;
		this.#work();
		if (!(await isDoneWithin(registrationTimeoutMs, pending.acknowledged))) pending.isLate = true;
	}

	/** Prolongs the lease, and compares what the registry has. Resolves when that is done, or after 0.5 s. */
	async renew(): Promise<void> {
		this.#isRenewalDue = true;
		await isDoneWithin(registrationTimeoutMs, this.#work());
	}

	/** Reports that no user is here any more, and nothing after that. */
	async leave(): Promise<void> {
		await this.stop();
		await this.#report({ users: [], since: this.#number + 1 }).catch((error: unknown) =>
			this.#broker.logger.debug("The last report to the registry failed:", error),
		);
	}

	/** Ends reporting. */
	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#working;
	}

	#work(): Promise<void> {
		this.#working ??= this.#run();
		return this.#working;
	}

	/** Makes all calls that are due, one after the other. Never rejects. */
	async #run(): Promise<void> {
		// All changes of one turn of the event loop go into one report.
		await new Promise((resolve) => setImmediate(resolve));
		let pauseMs = firstPauseMs;
		for (let next = this.#next(); next; next = this.#next()) {
			try {
				await next();
				pauseMs = firstPauseMs;
			} catch (error) {
				this.#broker.logger.debug("A report to the registry failed and is repeated:", error);
				await delay(pauseMs * (0.5 + Math.random() / 2), undefined, this.#stopping).catch(() => {});
				pauseMs = Math.min(2 * pauseMs, maxPauseMs);
			}
		}
		this.#working = undefined;
	}

	#next(): (() => Promise<void>) | undefined {
		if (this.#stopping.signal.aborted) return undefined;
		// While all users are reported, each report prolongs the lease.
		if (this.#isRenewalDue && !this.#fullReport) return () => this.#sendRenewal();
		if (this.#fullReport && this.#fullReport.left <= 0) return () => this.#sendFullReportEnd();
		return this.#queue.size > 0 ? () => this.#sendChanges() : undefined;
	}

	async #sendChanges(): Promise<void> {
		const users = this.#queue.take(maxReported);
		try {
			await this.#report({ users });
		} catch (error) {
			this.#queue.failed();
			throw error;
		}
		const late = this.#queue.succeeded(users);
		if (this.#fullReport) this.#fullReport.left -= users.length;
		if (late.length > 0) this.#hooks.onLate?.(late);
	}

	async #sendRenewal(): Promise<void> {
		const { digest } = this.#queue;
		const params = { nodeId: this.#broker.nodeID, ...(digest && { digest }) };
		const { known } = await callsOf(this.#broker).call("presence.renew", params, options);
		this.#isRenewalDue = false;
		if (known) return;
		// Users who wait already come first in the queue, so the next `left` users are all users who are here now.
		this.#queue.addAll(this.#sockets.userIds());
		this.#fullReport = { since: this.#number + 1, left: this.#queue.size };
	}

	/** Says that all users have been reported. */
	async #sendFullReportEnd(): Promise<void> {
		await this.#report({ users: [], since: this.#fullReport?.since });
		this.#fullReport = undefined;
		this.#hooks.onLost?.();
	}

	async #report(report: Pick<ActionInput<"presence.report">, "users" | "since">): Promise<void> {
		const params = { nodeId: this.#broker.nodeID, number: ++this.#number, ...report };
		await callsOf(this.#broker).call("presence.report", params, options);
	}
}

async function isDoneWithin(ms: number, work: Promise<void>): Promise<boolean> {
	const timer = new AbortController();
	const timeout = delay(ms, false, { signal: timer.signal, ref: false }).catch(() => false);
	const isDone = await Promise.race([work.then(() => true), timeout]);
	timer.abort();
	return isDone;
}
