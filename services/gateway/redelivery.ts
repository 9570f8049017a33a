import { callsOf, type Result } from "../contracts.ts";
import { deliverMessage } from "./deliver.ts";
import type { GatewayContext } from "./gateway-context.ts";
import { pendingAcks } from "./pending-acks.ts";
import { isDue, recordAttempt } from "./redelivery-attempts.ts";
import { hasRoom } from "./slow-consumer.ts";

/** How often users whose check is due are looked up. */
export const tickMs = 500;

/** How long a push may stay without an acknowledgement, and how long a client may take for its first `sync`. */
const ackTimeoutMs = 1_500;

/** Users in one call. */
const chunkSize = 100;

/** A user without a known problem is checked at most this often. */
const roundIntervalMs = 5_000;

/** The time in each tick for users without a known problem: normally, and when pushes are likely to have been lost. */
const budgetMs = 50;
const urgentBudgetMs = 250;

/** The pauses after passes without a redelivery grow up to this. */
const maxPauseMs = 120_000;

/** The next check of a user who lacks messages, or may lack some. */
interface ScheduledCheck {
	dueAtMs: number;
	/** A pass goes through the conversations by id, a few in each check: the next check begins after this one, null: at the first. */
	afterId: string | null;
	/** Whether this pass has sent a message. */
	hasSent: boolean;
	/** How many passes in a row have sent nothing. */
	emptyPasses: number;
}

type Lagging = Result<"messages.undelivered">["lagging"][number];

/**
 * Sends the users of this node again what their devices have not acknowledged in time. Clients drop duplicates by seq.
 *
 * 1. A check is scheduled for a user who has just connected, and for a user with a socket that has not acknowledged a push in
 *    time. All other users are checked in rounds, within a budget of time, since a push may also be lost on its way to this node.
 *    `checkAll` begins a round at once and gives it a larger budget.
 * 2. A check asks in which conversations the user's delivered cursor is behind, and gets a few of them. The next check continues
 *    after these, so one conversation or one user cannot delay the others.
 * 3. A socket gets pages of messages of these conversations as long as it has room. What it does not acknowledge is sent a few
 *    times, after growing pauses. When the cursor moves, the count begins again.
 */
export class Redelivery {
	readonly #gateway: GatewayContext;
	readonly #scheduled = new Map<string, ScheduledCheck>();
	/** Users who have not been checked in this round yet. */
	#round: string[] = [];
	#nextRoundAtMs = 0;
	#isUrgent = false;

	constructor(gateway: GatewayContext) {
		this.#gateway = gateway;
	}

	/** Schedules a check of a user who may lack messages. It waits until a push or a `sync` under way has had its time. */
	checkSoon(userId: string): void {
		this.#schedule(userId, performance.now() + ackTimeoutMs);
	}

	/** Checks all users as fast as the larger budget allows. To be called when pushes are likely to have been lost. */
	checkAll(): void {
		this.#isUrgent = true;
		this.#round = [];
		this.#nextRoundAtMs = 0;
	}

	/** To be called every `tickMs`, and never while the last call is running. */
	async tick(): Promise<void> {
		this.#scheduleUnacknowledged();
		const due = this.#due();
		for (let start = 0; start < due.length; start += chunkSize) await this.#check(due.slice(start, start + chunkSize));
		await this.#continueRound();
	}

	#schedule(userId: string, dueAtMs: number): void {
		const known = this.#scheduled.get(userId);
		if (known) known.dueAtMs = Math.min(known.dueAtMs, dueAtMs);
		else this.#scheduled.set(userId, { dueAtMs, afterId: null, hasSent: false, emptyPasses: 0 });
	}

	#scheduleUnacknowledged(): void {
		const nowMs = performance.now();
		for (const socket of this.#gateway.sockets.each()) {
			const pending = pendingAcks(socket);
			if (pending.size === 0) continue;
			const [id] = pending.keys();
			const { oldestPush, verified } = socket.data;
			if (!oldestPush || oldestPush.id !== id) socket.data.oldestPush = { id: Number(id), sinceMs: nowMs };
			// A check that is scheduled already keeps its time, so that the pauses of a device that never acknowledges can grow.
			else if (nowMs - oldestPush.sinceMs >= ackTimeoutMs && verified && !this.#scheduled.has(verified.caller.id))
				this.#schedule(verified.caller.id, nowMs);
		}
	}

	#due(): string[] {
		const nowMs = performance.now();
		const due: string[] = [];
		for (const [userId, check] of this.#scheduled) {
			const sockets = this.#gateway.sockets.of(userId);
			if (sockets.length === 0) this.#scheduled.delete(userId);
			else if (check.dueAtMs <= nowMs && sockets.some(hasRoom)) due.push(userId);
		}
		return due;
	}

	async #check(userIds: string[]): Promise<void> {
		const lagging = await this.#findLagging(
			userIds.map((userId) => ({ userId, afterId: this.#scheduled.get(userId)?.afterId ?? null })),
		);
		const byUser = Map.groupBy(lagging, ({ userId }) => userId);
		for (const userId of userIds) {
			const check = this.#scheduled.get(userId);
			if (check) await this.#redeliver(userId, check, byUser.get(userId) ?? []);
		}
	}

	/** Sends what is lacking in these conversations, and schedules the next check. */
	async #redeliver(userId: string, check: ScheduledCheck, lagging: Lagging[]): Promise<void> {
		if (lagging.length === 0 && check.afterId === null) return this.#forget(userId);
		const lastSent = await this.#sendPage(userId, lagging);
		if (lastSent !== undefined) check.hasSent = true;
		check.afterId = lastSent ?? lagging.at(-1)?.conversationId ?? null;
		let pauseMs = tickMs;
		if (check.afterId === null) {
			check.emptyPasses = check.hasSent ? 0 : check.emptyPasses + 1;
			check.hasSent = false;
			pauseMs = Math.min(tickMs * 4 ** check.emptyPasses, maxPauseMs);
		}
		check.dueAtMs = performance.now() + pauseMs;
	}

	/** The user lacks nothing. */
	#forget(userId: string): void {
		this.#scheduled.delete(userId);
		for (const { data } of this.#gateway.sockets.of(userId)) delete data.redeliveries;
	}

	/** Sends the user's sockets a page of messages of these conversations. Returns the last conversation of the page. */
	async #sendPage(userId: string, lagging: Lagging[]): Promise<string | undefined> {
		const receivers = this.#gateway.sockets
			.of(userId)
			.filter(hasRoom)
			.map((socket) => ({ socket, wanted: new Set(lagging.filter((one) => isDue(socket, one)).map(idOf)) }));
		const cursors = lagging.filter((one) => receivers.some(({ wanted }) => wanted.has(idOf(one))));
		if (cursors.length === 0) return undefined;
		const messages = await callsOf(this.#gateway.broker).call("messages.backlog", {
			userId,
			cursors: cursors.map(({ conversationId, deliveredSeq }) => ({ conversationId, deliveredSeq })),
		});
		const inPage = new Set(messages.map(idOf));
		for (const { socket, wanted } of receivers) {
			for (const message of messages) if (wanted.has(idOf(message))) deliverMessage(this.#gateway, socket, userId, { message });
			for (const one of cursors) if (wanted.has(idOf(one)) && inPage.has(idOf(one))) recordAttempt(socket, one);
		}
		return messages.at(-1)?.conversationId;
	}

	async #continueRound(): Promise<void> {
		const beginMs = performance.now();
		if (this.#round.length === 0) {
			if (beginMs < this.#nextRoundAtMs) return;
			this.#nextRoundAtMs = beginMs + roundIntervalMs;
			this.#round = this.#gateway.sockets.userIds();
		}
		const untilMs = beginMs + (this.#isUrgent ? urgentBudgetMs : budgetMs);
		while (this.#round.length > 0 && performance.now() < untilMs) {
			const userIds = this.#round.splice(-chunkSize).filter((userId) => !this.#scheduled.has(userId));
			if (userIds.length === 0) continue;
			const lagging = await this.#findLagging(userIds.map((userId) => ({ userId, afterId: null })));
			for (const { userId } of lagging) this.#schedule(userId, 0);
		}
		if (this.#round.length === 0) this.#isUrgent = false;
	}

	async #findLagging(users: { userId: string; afterId: string | null }[]): Promise<Lagging[]> {
		const { lagging } = await callsOf(this.#gateway.broker).call("messages.undelivered", { users });
		return lagging;
	}
}

const idOf = ({ conversationId }: { conversationId: string }) => conversationId;
