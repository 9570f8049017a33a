import { setTimeout as sleep } from "node:timers/promises";
import { Clients } from "./clients.ts";
import { Ledger } from "./ledger.ts";
import type { LoadEvent, LoadPlan } from "./load-plan.ts";
import { seededRandom } from "./random.ts";
import { checkStored } from "./stored.ts";
import { messageTexts } from "./texts.ts";
import type { Workload } from "./workloads.ts";
import { keepOutstanding, type Send, sendAtRate } from "./writers.ts";

// The load generator. It runs in a process of its own, so that its CPU can be told apart. It gets a `LoadPlan` and sends `LoadEvent`s.

/** How long the last messages may take. */
const graceMs = 10_000;
/** A wrong second delivery would arrive within this time. */
const lingerMs = 1000;

process.once("message", (plan: LoadPlan) => void run(plan));
process.once("disconnect", () => process.exit());

async function run(plan: LoadPlan): Promise<void> {
	const { workload } = plan;
	const ledger = new Ledger();
	const clients = new Clients(plan, ledger);
	const startedMs = performance.now();
	await clients.connect();
	report({ kind: "connected", connectMs: performance.now() - startedMs });
	if (workload.pressure.kind === "none") return;

	const stop = new AbortController();
	clients.startReading();
	startWriting(workload, clients, stop.signal);
	await sleep(workload.warmupSeconds * 1000);
	const cpu = process.cpuUsage();
	const fromMs = performance.now();
	report({ kind: "measuring" });
	await sleep(workload.seconds * 1000);
	const toMs = performance.now();
	report({ kind: "measured" });
	const { user, system } = process.cpuUsage(cpu);
	stop.abort();

	for (const endMs = toMs + graceMs; !ledger.isSettled && performance.now() < endMs; ) await sleep(50);
	await sleep(lingerMs);
	const { disconnected } = clients;
	clients.disconnect();
	const stored = await checkStored(plan.databaseUrl, ledger);
	const deliveries = ledger.deliveries(fromMs, toMs);
	report({ kind: "report", report: { ...deliveries, ...stored, generatorCpuMs: (user + system) / 1000, disconnected } });
	process.disconnect();
}

function startWriting({ seed, bodyBytes, sockets, pressure }: Workload, clients: Clients, signal: AbortSignal): void {
	const random = seededRandom(seed);
	const texts = messageTexts(random, bodyBytes);
	let count = 0;
	const send: Send = (person, answered) => clients.send(person, texts[count++ % texts.length] ?? "", answered);
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

function report(event: LoadEvent): void {
	process.send?.(event);
}
