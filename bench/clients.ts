import { io } from "socket.io-client";
import { inParallel } from "../testing/in-parallel.ts";
import type { Ledger } from "./ledger.ts";
import type { LoadPlan, Person } from "./load-plan.ts";
import type { ChatSocket, WireMessage } from "./wire.ts";

const maxConnecting = 50;
const readSlots = 50;
/** No compression. */
const noDeflate = false as unknown as { threshold: number }; // `ws` accepts false, which the types of socket.io-client lack

/** The sockets of all people. Like real clients they acknowledge what they receive, and mark it as read about once a second. */
export class Clients {
	disconnected = 0;
	readonly #ledger: Ledger;
	readonly #people: readonly Person[];
	readonly #sockets: ChatSocket[];
	/** The highest seq that was received and not yet marked as read; 0 when there is none. */
	readonly #unreadSeqs: number[];
	#reading: NodeJS.Timeout | undefined;

	constructor(plan: LoadPlan, ledger: Ledger) {
		this.#ledger = ledger;
		this.#people = plan.people;
		this.#unreadSeqs = plan.people.map(() => 0);
		this.#sockets = plan.people.map(({ auth }, person) =>
			io(`${plan.urls[person % plan.urls.length]}/messaging`, {
				auth,
				autoConnect: false,
				forceNew: true,
				perMessageDeflate: noDeflate,
				reconnection: false,
				transports: ["websocket"],
			}),
		);
	}

	async connect(): Promise<void> {
		await inParallel(maxConnecting, [...this.#sockets.entries()], ([person, socket]) => this.#connectOne(person, socket));
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

	/** Spreads the people over each second, so that they do not all mark as read at once. */
	startReading(): void {
		let slot = 0;
		this.#reading = setInterval(() => {
			for (let person = slot; person < this.#people.length; person += readSlots) this.#markRead(person);
			slot = (slot + 1) % readSlots;
		}, 1000 / readSlots);
	}

	disconnect(): void {
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
