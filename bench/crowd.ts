import { io } from "socket.io-client";
import type { Ledger } from "./ledger.ts";
import type { LoadOrder, Person } from "./orders.ts";
import type { ChatSocket, WireMessage } from "./wire.ts";

const CONNECTING_AT_ONCE = 50;
const READ_SLOTS = 50;
/** The types know only a threshold; ws takes `false` and then offers no compression. */
const NO_DEFLATE = false as unknown as { threshold: number };

/** The sockets of all people, behaving as clients do: they acknowledge what they receive and mark it read about once a second. */
export class Crowd {
	disconnected = 0;
	readonly #ledger: Ledger;
	readonly #people: readonly Person[];
	readonly #sockets: ChatSocket[];
	/** Highest seq received and not yet marked read; 0: nothing new. */
	readonly #unreadSeqs: number[];
	#reading: NodeJS.Timeout | undefined;

	constructor(order: LoadOrder, ledger: Ledger) {
		this.#ledger = ledger;
		this.#people = order.people;
		this.#unreadSeqs = order.people.map(() => 0);
		this.#sockets = order.people.map(({ auth }, person) =>
			io(`${order.urls[person % order.urls.length]}/messaging`, {
				auth,
				autoConnect: false,
				forceNew: true,
				perMessageDeflate: NO_DEFLATE,
				reconnection: false,
				transports: ["websocket"],
			}),
		);
	}

	async connect(): Promise<void> {
		const waiting = this.#sockets.entries();
		const connectSome = async (): Promise<void> => {
			for (const [person, socket] of waiting) await this.#connectOne(person, socket);
		};
		await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, connectSome));
	}

	send(person: number, content: string, answered: (ok: boolean) => void): void {
		const { conversationId } = this.#of(this.#people, person);
		const index = this.#ledger.open(person);
		const clientId = this.#of(this.#ledger.clientIds, index);
		this.#of(this.#sockets, person).emit("send_message", { conversationId, clientId, content }, (answer) => {
			this.#ledger.answered(index, answer);
			answered(answer.ok);
		});
	}

	/** Each person has a slot in the second, so that reading costs a little all the time instead of much at once. */
	startReading(): void {
		let slot = 0;
		this.#reading = setInterval(() => {
			for (let person = slot; person < this.#people.length; person += READ_SLOTS) this.#markRead(person);
			slot = (slot + 1) % READ_SLOTS;
		}, 1000 / READ_SLOTS);
	}

	leave(): void {
		clearInterval(this.#reading);
		for (const socket of this.#sockets) socket.off("disconnect").disconnect();
	}

	#connectOne(person: number, socket: ChatSocket): Promise<void> {
		socket.on("message_received", ({ message }, acknowledge) => {
			acknowledge?.();
			this.#received(person, message);
		});
		return new Promise((connected, refused) => {
			socket.on("connect", connected);
			socket.on("disconnect", () => this.disconnected++);
			socket.on("connect_error", (cause) => refused(new Error(`socket ${person} was refused: ${cause.message}`, { cause })));
			socket.connect();
		});
	}

	#received(person: number, message: WireMessage): void {
		this.#ledger.received(person, message);
		this.#unreadSeqs[person] = Math.max(message.seq, this.#unreadSeqs[person] ?? 0);
	}

	#markRead(person: number): void {
		const seq = this.#unreadSeqs[person] ?? 0;
		if (seq === 0) return;
		this.#unreadSeqs[person] = 0;
		const { conversationId } = this.#of(this.#people, person);
		this.#of(this.#sockets, person).emit("mark_read", { conversationId, seq }, () => {});
	}

	#of<T>(list: readonly T[], index: number): T {
		const found = list[index];
		if (found === undefined) throw new Error(`there is no entry ${index}`);
		return found;
	}
}
