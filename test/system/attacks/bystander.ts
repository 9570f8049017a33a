import { parentPort, workerData } from "node:worker_threads";
import { io } from "socket.io-client";

/** Somebody who does what people do, in a thread of its own, and measures how long it takes. */

export interface BystanderData {
	baseUrl: string;
	token: string;
	conversationId: string;
}

/** Since the last question, in milliseconds. */
export interface Waited {
	health: number[];
	sends: number[];
	/** Codes of sends that were not stored. */
	refused: string[];
}

const pauseMs = 50;
const { baseUrl, token, conversationId } = workerData as BystanderData;
const socket = io(`${baseUrl}/messaging`, { auth: { token }, transports: ["websocket"] });
let waited: Waited = nothing();
/** When that began which has not been answered. */
const since: { health?: number | undefined; sends?: number | undefined } = {};

function nothing(): Waited {
	return { health: [], sends: [], refused: [] };
}

async function again(list: "health" | "sends", work: () => Promise<unknown>): Promise<void> {
	const startMs = performance.now();
	since[list] = startMs;
	await work();
	since[list] = undefined;
	waited[list].push(performance.now() - startMs);
	setTimeout(() => void again(list, work), pauseMs);
}

socket.once("connect", () => {
	void again("health", async () => (await fetch(`${baseUrl}/health/live`)).text());
	void again("sends", async () => {
		const message = { conversationId, clientId: crypto.randomUUID(), content: "Are you still there?" };
		const { ok, error } = await socket.emitWithAck("send_message", message);
		if (!ok) waited.refused.push(error.code);
	});
	parentPort?.postMessage("ready");
});
parentPort?.on("message", () => {
	for (const list of ["health", "sends"] as const) {
		const startMs = since[list];
		if (startMs !== undefined) waited[list].push(performance.now() - startMs);
	}
	parentPort?.postMessage(waited);
	waited = nothing();
});
