import type { Change, Digest, Status } from "../presence/presence.contract.ts";
import { digestModulus, digestOf } from "../presence-digest.ts";

/** A user whose status must be reported. */
export interface Pending {
	/** Only the status that the user has set changed; no socket disconnected. */
	chosen: boolean;
	/** A socket of the user was connected before the report was acknowledged. */
	isLate: boolean;
	/** Resolves when the report is acknowledged. */
	acknowledged: Promise<void>;
	acknowledge(): void;
}

/**
 * The users whom a gateway must report, and what the registry must have from the reports so far. One report is under way at a time.
 * It is not known whether a report that failed has arrived, so the next one has the same users with their statuses at that time.
 */
export class ReportQueue {
	readonly #statusOf: (userId: string) => Status;
	/** The statuses that were acknowledged, without `offline`. */
	#acknowledged = new Map<string, Status>();
	#sum = 0;
	/** In the order of `add`. */
	readonly #waiting = new Map<string, Pending>();
	/** The users of the report that is under way, or of the last one if it failed. */
	#inReport = new Map<string, Pending>();
	#isUnderWay = false;

	constructor(statusOf: (userId: string) => Status) {
		this.#statusOf = statusOf;
	}

	/** How many users must be reported. */
	get size(): number {
		return this.#waiting.size + this.#inReport.size;
	}

	/** What the registry must have. Undefined while it is not known whether a report has arrived. */
	get digest(): Digest | undefined {
		return this.#inReport.size > 0 ? undefined : { users: this.#acknowledged.size, sum: this.#sum };
	}

	/** To be called when the user's status may have changed. Undefined when the registry has this status already. */
	add(userId: string, chosen: boolean): Pending | undefined {
		const known = this.#acknowledged.get(userId) ?? "offline";
		const pending = this.#waiting.get(userId) ?? (this.#isUnderWay ? undefined : this.#inReport.get(userId));
		if (pending) {
			pending.chosen &&= chosen;
			return pending;
		}
		if (!this.#inReport.has(userId) && this.#statusOf(userId) === known) return undefined;
		return this.#enqueue(userId, chosen);
	}

	/** All users must be reported again, since the registry has nothing, or something else. */
	addAll(userIds: string[]): void {
		this.#acknowledged = new Map();
		this.#sum = 0;
		for (const userId of userIds) if (!this.#waiting.has(userId) && !this.#inReport.has(userId)) this.#enqueue(userId, false);
	}

	/** The next report: the users of the one that failed, else those who have waited longest. Then call `succeeded` or `failed`. */
	take(max: number): Change[] {
		if (this.#inReport.size === 0) {
			for (const [userId, pending] of this.#waiting) {
				if (this.#inReport.size === max) break;
				this.#inReport.set(userId, pending);
				this.#waiting.delete(userId);
			}
		}
		this.#isUnderWay = true;
		return [...this.#inReport].map(([userId, { chosen }]) => ({ userId, status: this.#statusOf(userId), chosen }));
	}

	/** The report was acknowledged. Returns the users with `isLate`. */
	succeeded(report: Change[]): string[] {
		for (const { userId, status } of report) this.#setAcknowledged(userId, status);
		const late = report.filter(({ userId, status }) => status !== "offline" && this.#inReport.get(userId)?.isLate);
		for (const { acknowledge } of this.#inReport.values()) acknowledge();
		this.#inReport = new Map();
		this.#isUnderWay = false;
		return late.map(({ userId }) => userId);
	}

	failed(): void {
		this.#isUnderWay = false;
	}

	#enqueue(userId: string, chosen: boolean): Pending {
		const { promise, resolve } = Promise.withResolvers<void>();
		const pending = { chosen, isLate: false, acknowledged: promise, acknowledge: resolve };
		this.#waiting.set(userId, pending);
		return pending;
	}

	#setAcknowledged(userId: string, status: Status): void {
		const before = this.#acknowledged.get(userId);
		if (before === status) return;
		if (before) this.#sum -= digestOf(userId, before);
		if (status === "offline") this.#acknowledged.delete(userId);
		else {
			this.#acknowledged.set(userId, status);
			this.#sum += digestOf(userId, status);
		}
		this.#sum = (this.#sum + digestModulus) % digestModulus;
	}
}
