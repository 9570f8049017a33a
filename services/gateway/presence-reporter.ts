import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import { type ActionInput, callsOf } from "../contracts.ts";
import { maxReported, mergeStatuses } from "../presence/presence.contract.ts";
import { ReportQueue } from "./report-queue.ts";
import type { Sockets } from "./sockets.ts";

/** How long one call to the registry may take. It is not retried by the broker: the next attempt tells what has changed by then. */
const options = { timeout: 2_000, retries: 0 };

/** How long somebody who connects waits for the registry at the most. */
const patienceMs = 500;

/** Between attempts, at random from half of it to all of it; doubled with each. */
const firstPauseMs = 100;
const maxPauseMs = 1_000;

/** What else is to be done when the registry was wrong about this gateway: pushes may have been missed. */
export interface ReporterHooks {
	/** These users were connected before they were registered. Now they are. */
	onLate(userIds: string[]): void;
	/** The registry did not have what this gateway had reported, or did not know it yet. Now it has everybody. */
	onLost(): void;
}

/**
 * Keeps the registry told of who has sockets here. A user is reported before their socket is connected: what is committed from
 * then on is pushed here, and what was committed before is in the `sync` that the client does next. Without the registry
 * everything still works, through sweeps and with more traffic.
 *
 * 1. There is one call at a time, a report or a renewal of the lease. A report that fails is repeated until it is acknowledged.
 * 2. Each report has a higher number than all before. The registry ignores one that arrives after a newer one, so a repeated or
 *    late report undoes nothing.
 * 3. A renewal says what the registry must have by the reports so far. If it has something else, everybody is reported anew.
 */
export class PresenceReporter {
	readonly #broker: ServiceBroker;
	readonly #sockets: Sockets;
	readonly #hooks: Partial<ReporterHooks>;
	readonly #queue: ReportQueue;
	#number = 0;
	/** While everybody is reported: the number of the first of these reports, and how many users have yet to be named. */
	#everybody: { since: number; left: number } | undefined;
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
	 * To be called when something changed for a user. `chosen`: the user set the status, no socket went. Resolves when the registry
	 * knows, or after 0.5 s.
	 */
	async report(userId: string, { chosen = false } = {}): Promise<void> {
		const pending = this.#queue.add(userId, chosen);
		if (!pending) return;
		this.#work();
		if (!(await isDoneWithin(patienceMs, pending.acknowledged))) pending.isLate = true;
	}

	/** Prolongs the lease, and compares what the registry has. Resolves when that is done, or after 0.5 s. */
	async renew(): Promise<void> {
		this.#isRenewalDue = true;
		await isDoneWithin(patienceMs, this.#work());
	}

	/** Says that nobody is here any more, and reports nothing afterwards. */
	async leave(): Promise<void> {
		await this.stop();
		await this.#report({ users: [], since: this.#number + 1 }).catch((error: unknown) =>
			this.#broker.logger.debug("The registry was not told:", error),
		);
	}

	/** Nothing is reported afterwards. */
	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#working;
	}

	#work(): Promise<void> {
		this.#working ??= this.#workOff();
		return this.#working;
	}

	/** Does what is to be done, one thing after the other. It never rejects. */
	async #workOff(): Promise<void> {
		// What comes in the same turn of the event loop goes into one report.
		await new Promise((resolve) => setImmediate(resolve));
		let pauseMs = firstPauseMs;
		for (let next = this.#next(); next; next = this.#next()) {
			try {
				await next();
				pauseMs = firstPauseMs;
			} catch (error) {
				this.#broker.logger.debug("The registry was not told, which is tried again:", error);
				await delay(pauseMs * (0.5 + Math.random() / 2), undefined, this.#stopping).catch(() => {});
				pauseMs = Math.min(2 * pauseMs, maxPauseMs);
			}
		}
		this.#working = undefined;
	}

	#next(): (() => Promise<void>) | undefined {
		if (this.#stopping.signal.aborted) return undefined;
		// While everybody is reported, each report prolongs the lease.
		if (this.#isRenewalDue && !this.#everybody) return () => this.#sendRenewal();
		if (this.#everybody && this.#everybody.left <= 0) return () => this.#sendEnd();
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
		if (this.#everybody) this.#everybody.left -= users.length;
		if (late.length > 0) this.#hooks.onLate?.(late);
	}

	async #sendRenewal(): Promise<void> {
		const { digest } = this.#queue;
		const params = { nodeId: this.#broker.nodeID, ...(digest && { digest }) };
		const { known } = await callsOf(this.#broker).call("presence.renew", params, options);
		this.#isRenewalDue = false;
		if (known) return;
		// What waits already was there first: the next `left` users are all who are here now.
		this.#queue.addAll(this.#sockets.userIds());
		this.#everybody = { since: this.#number + 1, left: this.#queue.size };
	}

	/** Everybody has been named. */
	async #sendEnd(): Promise<void> {
		await this.#report({ users: [], since: this.#everybody?.since });
		this.#everybody = undefined;
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
