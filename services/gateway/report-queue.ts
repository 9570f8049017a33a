import type { Change, Digest, Status } from "../presence/presence.contract.ts";
import { digestModulus, digestOf } from "../presence-digest.ts";

/** A user whose status is to be reported. */
export interface Pending {
	/** Only what the user chose changed, no socket went. */
	chosen: boolean;
	/** Somebody has stopped waiting for it. */
	isLate: boolean;
	/** Resolves when it is acknowledged. */
	acknowledged: Promise<void>;
	acknowledge(): void;
}

/**
 * Whom a gateway has to report, and what the registry must have from its reports so far. One report is under way at a time. Nobody
 * knows whether a report that failed has arrived, so the next one names the same users, with what they are by then.
 */
export class ReportQueue {
	readonly #statusOf: (userId: string) => Status;
	/** As acknowledged; nothing for offline. */
	#known = new Map<string, Status>();
	#sum = 0;
	/** In the order in which they came. */
	readonly #waiting = new Map<string, Pending>();
	/** Named by the report that is under way, or that has failed. */
	#unsure = new Map<string, Pending>();
	#isUnderWay = false;

	constructor(statusOf: (userId: string) => Status) {
		this.#statusOf = statusOf;
	}

	/** How many are to be reported. */
	get size(): number {
		return this.#waiting.size + this.#unsure.size;
	}

	/** What the registry must have; undefined while nobody knows. */
	get digest(): Digest | undefined {
		return this.#unsure.size > 0 ? undefined : { users: this.#known.size, sum: this.#sum };
	}

	/** Something changed for the user. Undefined when the registry knows already what they are. */
	add(userId: string, chosen: boolean): Pending | undefined {
		const known = this.#known.get(userId) ?? "offline";
		const pending = this.#waiting.get(userId) ?? (this.#isUnderWay ? undefined : this.#unsure.get(userId));
		if (pending) {
			pending.chosen &&= chosen;
			return pending;
		}
		if (!this.#unsure.has(userId) && this.#statusOf(userId) === known) return undefined;
		return this.#wait(userId, chosen);
	}

	/** Everybody is to be reported anew: the registry has nothing, or something else. */
	addAll(userIds: string[]): void {
		this.#known = new Map();
		this.#sum = 0;
		for (const userId of userIds) if (!this.#waiting.has(userId) && !this.#unsure.has(userId)) this.#wait(userId, false);
	}

	/** The next report: whose arrival is unsure, else those who have waited longest. To be followed by `succeeded` or `failed`. */
	take(max: number): Change[] {
		if (this.#unsure.size === 0) {
			for (const [userId, pending] of this.#waiting) {
				if (this.#unsure.size === max) break;
				this.#unsure.set(userId, pending);
				this.#waiting.delete(userId);
			}
		}
		this.#isUnderWay = true;
		return [...this.#unsure].map(([userId, { chosen }]) => ({ userId, status: this.#statusOf(userId), chosen }));
	}

	/** The report was acknowledged; those of whom that comes late. */
	succeeded(report: Change[]): string[] {
		for (const { userId, status } of report) this.#learn(userId, status);
		const late = report.filter(({ userId, status }) => status !== "offline" && this.#unsure.get(userId)?.isLate);
		for (const { acknowledge } of this.#unsure.values()) acknowledge();
		this.#unsure = new Map();
		this.#isUnderWay = false;
		return late.map(({ userId }) => userId);
	}

	failed(): void {
		this.#isUnderWay = false;
	}

	#wait(userId: string, chosen: boolean): Pending {
		const { promise, resolve } = Promise.withResolvers<void>();
		const pending = { chosen, isLate: false, acknowledged: promise, acknowledge: resolve };
		this.#waiting.set(userId, pending);
		return pending;
	}

	#learn(userId: string, status: Status): void {
		const before = this.#known.get(userId);
		if (before === status) return;
		if (before) this.#sum -= digestOf(userId, before);
		if (status === "offline") this.#known.delete(userId);
		else {
			this.#known.set(userId, status);
			this.#sum += digestOf(userId, status);
		}
		this.#sum = (this.#sum + digestModulus) % digestModulus;
	}
}
