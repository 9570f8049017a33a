import { once } from "node:events";
import fc from "fast-check";
import { z } from "zod";
import { contractOf } from "../../../services/contracts.ts";
import { clientEvents } from "../../../services/gateway/gateway.contract.ts";
import { queries } from "../../../services/gateway/routes.ts";
import type { Answer, Attack } from "./attack.ts";
import { textsOf } from "./texts.ts";
import { inputsOf, type Known } from "./values.ts";

/** An attack on each event of clients, and on each action that `call` may name. */
export function socketAttacks(baseUrl: string, known: Known, token: string): Attack[] {
	const events = Object.entries(clientEvents).map(([event, { payload }]) => attackOf(event, [event], payload));
	const calls = [...queries, "$node.options", "__proto__", "messages.markDelivered"].map((action) =>
		attackOf(`call ${action}`, ["call", action], contractOf(action)?.params ?? z.object({ a: z.string() })),
	);
	return [...events, ...calls];

	function attackOf(name: string, said: string[], payload: z.ZodType): Attack {
		const wire = new Wire(baseUrl, token);
		const prefix = said.map((word) => JSON.stringify(word)).join();
		const spellings = fc.oneof(
			{ weight: 8, arbitrary: textsOf(inputsOf(payload, known)).map((text) => `[${prefix},${text}]`) },
			{ weight: 1, arbitrary: fc.constantFrom(`[${prefix}]`, `[${prefix},null]`, `[${prefix},1,2,3]`, `[${prefix},"x",{}]`) },
		);
		return { name, inputs: spellings, run: (text) => wire.ask(String(text)), close: () => wire.close() };
	}
}

const closedByUs = "closed: the packet was no packet";

/** A connection that speaks the protocol below socket.io's client, which could not say most of this. It is opened again when it was closed. */
class Wire {
	readonly #url: string;
	readonly #token: string;
	#socket: WebSocket | undefined;
	#nextId = 1;

	constructor(baseUrl: string, token: string) {
		this.#url = `${baseUrl.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
		this.#token = token;
	}

	close(): void {
		this.#socket?.close();
	}

	/** Says an event with its arguments as a text of JSON, or nearly, and resolves with its acknowledgement. */
	async ask(args: string): Promise<Answer> {
		const socket = await this.#open();
		const id = this.#nextId++;
		const { promise, resolve } = Promise.withResolvers<string>();
		const onMessage = ({ data }: MessageEvent) => {
			if (String(data).startsWith(`43/messaging,${id}[`)) resolve(String(data).slice(`43/messaging,${id}`.length));
		};
		const onClose = () => resolve(closedByUs);
		socket.addEventListener("message", onMessage);
		socket.addEventListener("close", onClose);
		socket.send(`42/messaging,${id}${args}`);
		const answer = await promise;
		socket.removeEventListener("message", onMessage);
		socket.removeEventListener("close", onClose);
		if (answer === closedByUs) return { shown: answer, isRefusal: true, isFailure: isPacket(args) };
		return judge(answer);
	}

	async #open(): Promise<WebSocket> {
		if (this.#socket?.readyState === WebSocket.OPEN) return this.#socket;
		const socket = new WebSocket(this.#url);
		this.#socket = socket;
		await once(socket, "open");
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		socket.addEventListener("message", ({ data }) => {
			if (data === "2") socket.send("3");
			if (String(data).startsWith("40/messaging,")) resolve();
		});
		socket.addEventListener("close", () => reject(new Error("the gateway refused the connection")));
		socket.send(`40/messaging,${JSON.stringify({ token: this.#token })}`);
		await promise;
		return socket;
	}
}

/** Whether the gateway has no reason to close the connection. */
function isPacket(args: string): boolean {
	try {
		return Array.isArray(JSON.parse(args)) && Buffer.byteLength(args) < 200_000;
	} catch {
		return false;
	}
}

/** Events are answered with `{ok, error}`, calls with `error, result`. */
function judge(answer: string): Answer {
	const [first] = JSON.parse(answer) as [{ ok?: boolean; error?: { code: string }; code?: string } | null];
	const code = first?.error?.code ?? first?.code;
	const isFailure = code === "INTERNAL" || code === "UNAVAILABLE";
	return { shown: answer.slice(0, 500), isRefusal: code !== undefined, isFailure };
}
