import { callsOf, type Result } from "../contracts.ts";
import { deliverMessage } from "./deliver.ts";
import type { GatewayContext } from "./gateway-context.ts";
import { isDue, noteOffer } from "./offers.ts";
import { hasRoom } from "./slow-consumer.ts";

/** How often suspects are looked at who are due. */
export const tickMs = 500;

/** How long a push may stay without an acknowledgement, and how long somebody who has connected has for `sync`. */
const patienceMs = 1_500;

/** Users in one question. */
const chunkSize = 100;

/** Nobody is looked at more often than this without a reason. */
const turnMs = 5_000;

/** What looking at those of whom nothing is known may take of each tick: usually, and when pushes are likely to have been lost. */
const budgetMs = 50;
const hurriedBudgetMs = 250;

/** Pauses between rounds that had nothing to give double up to this. */
const maxPauseMs = 120_000;

/** Somebody who lacks something, or may lack something. */
interface Suspect {
	lookAtMs: number;
	/** A round goes through the conversations in the order of their ids: the next look begins behind this one, or with the first. */
	afterId: string | null;
	/** Whether this round has given something. */
	hasGiven: boolean;
	/** Rounds, one after the other, that had nothing to give. */
	vainRounds: number;
}

type Lagging = Result<"messages.undelivered">["lagging"][number];

/**
 * Gives the users of this node what their devices should have had for a while and have not acknowledged. Clients drop by seq what
 * they have.
 *
 * 1. Somebody is a suspect who has just connected, or whose socket has a push that was not acknowledged for a while. Suspects are
 *    looked at soon. Everybody else is looked at in turn within a budget of time, since a push may also be lost on its way to
 *    this node; after `hurry` the turn takes less time.
 * 2. A look asks in which conversations a suspect's delivered cursor is behind, and is told of a few. The next look goes on behind
 *    these: what is lacking in one conversation, or by one person, never takes the place of another.
 * 3. A socket is given pages of these conversations as long as it has room. What it does not acknowledge it is given a few times,
 *    after growing pauses; when its cursor moves, this begins anew.
 */
export class Redelivery {
	readonly #gateway: GatewayContext;
	readonly #suspects = new Map<string, Suspect>();
	/** Those who are still to be looked at in this turn. */
	#turn: string[] = [];
	#nextTurnMs = 0;
	#isHurried = false;

	constructor(gateway: GatewayContext) {
		this.#gateway = gateway;
	}

	/** Somebody may lack something: they are looked at when a push or a `sync` that is on its way has had its time. */
	soon(userId: string): void {
		this.#suspect(userId, performance.now() + patienceMs);
	}

	/** Pushes are likely to have been lost: everybody is looked at as fast as is bearable. */
	hurry(): void {
		this.#isHurried = true;
		this.#turn = [];
		this.#nextTurnMs = 0;
	}

	/** To be called every `tickMs`, never twice at once. */
	async tick(): Promise<void> {
		this.#suspectUnacknowledged();
		const due = this.#due();
		for (let start = 0; start < due.length; start += chunkSize) await this.#look(due.slice(start, start + chunkSize));
		await this.#takeTurns();
	}

	#suspect(userId: string, lookAtMs: number): void {
		const known = this.#suspects.get(userId);
		if (known) known.lookAtMs = Math.min(known.lookAtMs, lookAtMs);
		else this.#suspects.set(userId, { lookAtMs, afterId: null, hasGiven: false, vainRounds: 0 });
	}

	/** socket.io keeps what waits for an acknowledgement in the order in which it went out: the first has waited longest. */
	#suspectUnacknowledged(): void {
		const nowMs = performance.now();
		for (const socket of this.#gateway.sockets.each()) {
			const { acks } = socket as unknown as { acks: Map<number, unknown> };
			if (acks.size === 0) continue;
			const [id] = acks.keys();
			const { oldestPush, verified } = socket.data;
			if (!oldestPush || oldestPush.id !== id) socket.data.oldestPush = { id: Number(id), sinceMs: nowMs };
			// A suspect whose devices never acknowledge has pauses that grow.
			else if (nowMs - oldestPush.sinceMs >= patienceMs && verified && !this.#suspects.has(verified.caller.id))
				this.#suspect(verified.caller.id, nowMs);
		}
	}

	#due(): string[] {
		const nowMs = performance.now();
		const due: string[] = [];
		for (const [userId, suspect] of this.#suspects) {
			const sockets = this.#gateway.sockets.of(userId);
			if (sockets.length === 0) this.#suspects.delete(userId);
			else if (suspect.lookAtMs <= nowMs && sockets.some(hasRoom)) due.push(userId);
		}
		return due;
	}

	async #look(userIds: string[]): Promise<void> {
		const lagging = await this.#ask(userIds.map((userId) => ({ userId, afterId: this.#suspects.get(userId)?.afterId ?? null })));
		const byUser = Map.groupBy(lagging, ({ userId }) => userId);
		for (const userId of userIds) {
			const suspect = this.#suspects.get(userId);
			if (suspect) await this.#goOn(userId, suspect, byUser.get(userId) ?? []);
		}
	}

	async #goOn(userId: string, suspect: Suspect, lagging: Lagging[]): Promise<void> {
		if (lagging.length === 0 && suspect.afterId === null) return this.#acquit(userId);
		const lastGiven = await this.#give(userId, lagging);
		if (lastGiven !== undefined) suspect.hasGiven = true;
		suspect.afterId = lastGiven ?? lagging.at(-1)?.conversationId ?? null;
		let pauseMs = tickMs;
		if (suspect.afterId === null) {
			suspect.vainRounds = suspect.hasGiven ? 0 : suspect.vainRounds + 1;
			suspect.hasGiven = false;
			pauseMs = Math.min(tickMs * 4 ** suspect.vainRounds, maxPauseMs);
		}
		suspect.lookAtMs = performance.now() + pauseMs;
	}

	/** The user lacks nothing. */
	#acquit(userId: string): void {
		this.#suspects.delete(userId);
		for (const { data } of this.#gateway.sockets.of(userId)) delete data.offers;
	}

	/** Gives the user's sockets a page of these conversations; the last one of which something was given. */
	async #give(userId: string, lagging: Lagging[]): Promise<string | undefined> {
		const takers = this.#gateway.sockets
			.of(userId)
			.filter(hasRoom)
			.map((socket) => ({ socket, wanted: new Set(lagging.filter((one) => isDue(socket, one)).map(idOf)) }));
		const cursors = lagging.filter((one) => takers.some(({ wanted }) => wanted.has(idOf(one))));
		if (cursors.length === 0) return undefined;
		const messages = await callsOf(this.#gateway.broker).call("messages.backlog", {
			userId,
			cursors: cursors.map(({ conversationId, deliveredSeq }) => ({ conversationId, deliveredSeq })),
		});
		const given = new Set(messages.map(idOf));
		for (const { socket, wanted } of takers) {
			for (const message of messages) if (wanted.has(idOf(message))) deliverMessage(this.#gateway, socket, userId, { message });
			for (const one of cursors) if (wanted.has(idOf(one)) && given.has(idOf(one))) noteOffer(socket, one);
		}
		return messages.at(-1)?.conversationId;
	}

	async #takeTurns(): Promise<void> {
		const beginMs = performance.now();
		if (this.#turn.length === 0) {
			if (beginMs < this.#nextTurnMs) return;
			this.#nextTurnMs = beginMs + turnMs;
			this.#turn = this.#gateway.sockets.userIds();
		}
		const untilMs = beginMs + (this.#isHurried ? hurriedBudgetMs : budgetMs);
		while (this.#turn.length > 0 && performance.now() < untilMs) {
			const userIds = this.#turn.splice(-chunkSize).filter((userId) => !this.#suspects.has(userId));
			if (userIds.length === 0) continue;
			for (const { userId } of await this.#ask(userIds.map((one) => ({ userId: one, afterId: null })))) this.#suspect(userId, 0);
		}
		if (this.#turn.length === 0) this.#isHurried = false;
	}

	async #ask(users: { userId: string; afterId: string | null }[]): Promise<Lagging[]> {
		const { lagging } = await callsOf(this.#gateway.broker).call("messages.undelivered", { users });
		return lagging;
	}
}

const idOf = ({ conversationId }: { conversationId: string }) => conversationId;
