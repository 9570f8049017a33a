import { setTimeout as sleep } from "node:timers/promises";
import { Crowd } from "./crowd.ts";
import { Ledger } from "./ledger.ts";
import type { LoadEvent, LoadOrder } from "./orders.ts";
import { seededRandom } from "./random.ts";
import { checkStored } from "./stored.ts";
import { messageTexts } from "./texts.ts";
import type { Workload } from "./workloads.ts";
import { keepOutstanding, type Send, sendAtRate } from "./writers.ts";

// The load generator: a process of its own, so that its CPU is its own. It is given a `LoadOrder` and tells `LoadEvent`s.

const GRACE_MS = 10_000;
/** A redelivery that the server owes nobody would come in this time. */
const LINGER_MS = 1000;

process.once("message", (order: LoadOrder) => void run(order));
process.once("disconnect", () => process.exit());

async function run(order: LoadOrder): Promise<void> {
	const { workload } = order;
	const ledger = new Ledger();
	const crowd = new Crowd(order, ledger);
	const startedMs = performance.now();
	await crowd.connect();
	tell({ kind: "connected", connectMs: performance.now() - startedMs });
	if (workload.pressure.kind === "none") return;

	const stop = new AbortController();
	crowd.startReading();
	startWriting(workload, crowd, stop.signal);
	await sleep(workload.warmupSeconds * 1000);
	const cpu = process.cpuUsage();
	const fromMs = performance.now();
	tell({ kind: "measuring" });
	await sleep(workload.seconds * 1000);
	const toMs = performance.now();
	tell({ kind: "measured" });
	const { user, system } = process.cpuUsage(cpu);
	stop.abort();

	for (const endMs = toMs + GRACE_MS; !ledger.settled && performance.now() < endMs; ) await sleep(50);
	await sleep(LINGER_MS);
	const { disconnected } = crowd;
	crowd.leave();
	const stored = await checkStored(order.databaseUrl, ledger);
	const deliveries = ledger.deliveries(fromMs, toMs);
	tell({ kind: "report", report: { ...deliveries, ...stored, generatorCpuMs: (user + system) / 1000, disconnected } });
	process.disconnect();
}

function startWriting({ seed, bodyBytes, sockets, pressure }: Workload, crowd: Crowd, signal: AbortSignal): void {
	const random = seededRandom(seed);
	const texts = messageTexts(random, bodyBytes);
	let count = 0;
	const send: Send = (person, answered) => crowd.send(person, texts[count++ % texts.length] ?? "", answered);
	switch (pressure.kind) {
		case "closed":
			keepOutstanding(sockets, pressure.outstanding, send, signal);
			break;
		case "open":
			sendAtRate(sockets, pressure.messagesPerSecond, random, send, signal);
			break;
		case "none":
			break;
		default:
			pressure satisfies never;
	}
}

function tell(event: LoadEvent): void {
	process.send?.(event);
}
