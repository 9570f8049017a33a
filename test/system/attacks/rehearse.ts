import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { startServer } from "../../support/server.ts";
import { aConversation } from "../core/people.ts";
import { type Attack, attacks } from "./attacks.ts";
import type { BystanderData, Waited } from "./bystander.ts";

/** `npm run rehearse:attacks -- --seconds 8 --only search`: what others wait for while a server with its usual limits is attacked. */
const { values } = parseArgs({ options: { seconds: { type: "string", default: "8" }, only: { type: "string", default: "" } } });
const usualLimits = { RATE_LIMIT_SOCKET_EVENTS: "100/second", RATE_LIMIT_SOCKET_QUERIES: "20/second" };
const server = await startServer(usualLimits);
const [baseUrl] = server.baseUrls;
const bystanders = await aConversation(server);
const data: BystanderData = { baseUrl, token: bystanders.alice.token, conversationId: bystanders.id };
const worker = new Worker(new URL("./bystander.ts", import.meta.url), { workerData: data });
try {
	await once(worker, "message");
	const rows: Record<string, object> = {};
	const all: Record<string, Attack> = { "nothing, for comparison": async () => {}, ...attacks };
	for (const [name, attack] of Object.entries(all).filter(([one]) => one.includes(values.only))) {
		const { alice, id } = await aConversation(server);
		await measured();
		const controller = new AbortController();
		const attacked = attack({ baseUrl, token: alice.token, conversationId: id }, controller.signal);
		let mostMegabytes = 0;
		for (let i = 0; i < Number(values.seconds) * 4; i++) {
			await delay(250);
			mostMegabytes = Math.max(mostMegabytes, residentMegabytes(server.process.pid));
		}
		const { health, sends, refused } = await measured();
		controller.abort();
		await attacked;
		rows[name] = {
			"/health/live ms": summary(health),
			"send ms": summary(sends),
			refused: refused.length,
			"most MB": Math.round(mostMegabytes),
		};
		await delay(3_000);
	}
	console.table(rows);
	const answers = server.process
		.logs()
		.split("\n")
		.filter((line) => line !== "").length;
	console.log(`${answers} lines were logged at warn and above`);
} finally {
	await worker.terminate();
	await server.stop();
}

async function measured(): Promise<Waited> {
	worker.postMessage("how long?");
	const [waited] = (await once(worker, "message")) as [Waited];
	return waited;
}

/** Half of them, and the slowest. */
function summary(took: number[]): string {
	const sorted = took.toSorted((a, b) => a - b);
	return `${Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)} / ${Math.round(sorted.at(-1) ?? 0)} (${took.length})`;
}

function residentMegabytes(pid: number): number {
	return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}
