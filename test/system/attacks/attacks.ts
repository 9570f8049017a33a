import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Where an attack goes, and as whom. */
export interface Aim {
	baseUrl: string;
	token: string;
	conversationId: string;
}

/** Attacks for a while; what it holds is let go when `signal` aborts. */
export type Attack = (aim: Aim, signal: AbortSignal) => Promise<void>;

export const attacks: Record<string, Attack> = {
	"the namespace / without a token, 5,000 calls": async (aim, signal) => {
		const socket = await openWebSocket(aim, signal);
		socket.send("40");
		for (let i = 0; i < 5_000; i++) socket.send(`42${i}["call","$node.options",{}]`);
	},
	"a search that matches in ever new ways, 4 at a time": async (aim, signal) => {
		await post(aim, `/conversations/${aim.conversationId}/messages`, { content: `b${"!".repeat(4_999)}` });
		const q = encodeURIComponent(`"${"! ".repeat(200)}b"`);
		await repeatedly(signal, 4, () => get(aim, `/messages/search?q=${q}`));
	},
	"20 questions a second on each of 10 sockets that do not read": async (aim, signal) => {
		const large = "x".repeat(5_000);
		for (let i = 0; i < 100; i++) await post(aim, `/conversations/${aim.conversationId}/messages`, { content: large });
		const sockets = await Promise.all(Array.from({ length: 10 }, () => openRaw(aim, signal, true)));
		const question = `42/messaging,1["call","messages.list",${JSON.stringify({ conversationId: aim.conversationId, limit: 100 })}]`;
		await repeatedly(signal, 1, async () => {
			for (const socket of sockets) if (socket.writable) socket.write(frame(question));
			await delay(50);
		});
	},
	"/health/ready, 1,500 at once": async (aim, signal) => {
		await repeatedly(signal, 1, () => Promise.all(Array.from({ length: 1_500 }, () => get(aim, "/health/ready"))));
	},
	"3,000 events at once on one socket, again and again": async (aim, signal) => {
		const socket = await openWebSocket(aim, signal);
		socket.send(`40/messaging,${JSON.stringify({ token: aim.token })}`);
		const names = ["join_conversation", "typing_start", "mark_read"];
		await repeatedly(signal, 1, async () => {
			for (let i = 0; i < 3_000; i++)
				socket.send(`42/messaging,${i}["${names[i % 3]}",${JSON.stringify({ conversationId: aim.conversationId })}]`);
			await delay(1_000);
		});
	},
	"bodies with a garbage Content-Encoding, 50 at a time": async (aim, signal) => {
		const encodings = ["gzip", "deflate", "br", "zstd"];
		let count = 0;
		await repeatedly(signal, 50, () => {
			const encoding = encodings[count++ % encodings.length] ?? "";
			const headers = { "Content-Type": "application/json", "Content-Encoding": encoding };
			return fetch(`${aim.baseUrl}/conversations`, { method: "POST", headers, body: "x".repeat(50_000), signal }).then(read);
		});
	},
	"500 unfinished frames of 200 KB, 200 bodies and 200 headers that drip, without a token": async (aim, signal) => {
		const frames = await Promise.all(Array.from({ length: 500 }, () => openRaw(aim, signal, false)));
		for (const socket of frames) if (socket.writable) socket.write(unfinishedFrame(200_000));
		const body = "POST /conversations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
		const dripping = [...Array(200).fill(body), ...Array(200).fill("GET / HTTP/1.1\r\nHost: a\r\nX: ")].map((begin: string) => {
			const socket = openSocket(aim, signal);
			socket.write(begin);
			return socket;
		});
		await repeatedly(signal, 1, async () => {
			for (const socket of dripping) if (socket.writable) socket.write(" ");
			await delay(500);
		});
	},
};

async function repeatedly(signal: AbortSignal, atOnce: number, work: () => Promise<unknown>): Promise<void> {
	const one = async () => {
		while (!signal.aborted) await work().catch(() => delay(10));
	};
	await Promise.all(Array.from({ length: atOnce }, one));
}

const read = (response: Response) => response.text();

function get({ baseUrl, token }: Aim, path: string): Promise<string> {
	return fetch(`${baseUrl}${path}`, { headers: { Authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(30_000) }).then(
		read,
	);
}

function post({ baseUrl, token }: Aim, path: string, message: object): Promise<string> {
	const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
	const body = JSON.stringify({ clientId: crypto.randomUUID(), ...message });
	return fetch(`${baseUrl}${path}`, { method: "POST", headers, body }).then(read);
}

async function openWebSocket({ baseUrl }: Aim, signal: AbortSignal): Promise<WebSocket> {
	const socket = new WebSocket(`${baseUrl.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
	signal.addEventListener("abort", () => socket.close());
	await once(socket, "open");
	return socket;
}

function openSocket({ baseUrl }: Aim, signal: AbortSignal): Socket {
	const { hostname, port } = new URL(baseUrl);
	const socket = connect(Number(port), hostname).on("error", () => {});
	signal.addEventListener("abort", () => socket.destroy());
	return socket;
}

/** A WebSocket without anything that would answer a close or a ping; with a token it is signed in, and does not read any more. */
async function openRaw(aim: Aim, signal: AbortSignal, signsIn: boolean): Promise<Socket> {
	const socket = openSocket(aim, signal);
	const lines = ["GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket"];
	socket.write([...lines, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", ""].join("\r\n"));
	await Promise.race([once(socket, "data"), once(socket, "close")]);
	if (signsIn && socket.writable) {
		socket.write(frame(`40/messaging,${JSON.stringify({ token: aim.token })}`));
		await delay(500);
	}
	socket.pause();
	return socket;
}

/** A text in one frame, masked with zeros. */
function frame(text: string): Buffer {
	const payload = Buffer.from(text);
	return Buffer.concat([header(payload.length), payload]);
}

/** All but the last byte. */
function unfinishedFrame(bytes: number): Buffer {
	return Buffer.concat([header(bytes), Buffer.alloc(bytes - 1, "x")]);
}

function header(bytes: number): Buffer {
	const length =
		bytes < 126 ? [0x80 | bytes] : bytes < 65_536 ? [0xfe, bytes >> 8, bytes & 255] : [0xff, 0, 0, 0, 0, ...uint32(bytes)];
	return Buffer.from([0x81, ...length, 0, 0, 0, 0]);
}

function uint32(value: number): number[] {
	return [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
}
