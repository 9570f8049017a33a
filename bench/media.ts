import { type ChildProcess, fork, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { io, type Socket } from "socket.io-client";
import { freePort } from "../embedded/free-port.ts";
import { embeddedSecret } from "../embedded/secret.ts";
import { signToken } from "../lib/token.ts";
import { UrlSigner } from "../lib/url-signer.ts";
import { runWhenIdle } from "../services/media/cpu-priority.ts";
import { usageOf } from "../services/media/process-usage.ts";
import { render } from "../services/media/render.ts";
import { inherited, isGatewayReady, startCommand, unlimited } from "../testing/parley.ts";
import { until } from "../testing/until.ts";
import { makePhoto } from "./media-photo.ts";
import type { UploadOrder } from "./media-uploads.ts";
import { percentiles } from "./percentiles.ts";

/**
 * Measures what images cost: the CPU time for the renditions of a 12-megapixel JPEG, the time to sign a URL, and how much 2 confirmed
 * uploads a second delay 100 messages a second, in one process with everything embedded. Phases with and without uploads alternate,
 * because the speed of a machine changes over time.
 */
const { values } = parseArgs({
	options: {
		seconds: { type: "string", default: "20" },
		rounds: { type: "string", default: "3" },
		pairs: { type: "string", default: "50" },
	},
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const pairs = Number(values.pairs);
const messagesPerSecond = 100;
const uploadsPerSecond = 2;

sharp.concurrency(1);
sharp.cache(false);
const photo = await makePhoto(4000, 3000);
await measureRenditions();
measureSigning();
await measureMessages();

async function measureRenditions(): Promise<void> {
	const times = 10;
	await render(photo);
	const before = process.cpuUsage();
	const start = performance.now();
	for (let i = 0; i < times; i++) await render(photo);
	const { user, system } = process.cpuUsage(before);
	const cpuMs = (user + system) / 1000 / times;
	const wallMs = (performance.now() - start) / times;
	console.log(
		`renditions of a 12-megapixel JPEG of ${mb(photo.length)}: ${cpuMs.toFixed(0)} ms CPU, ${wallMs.toFixed(0)} ms (goal: < 400 ms CPU)`,
	);
}

function measureSigning(): void {
	const signer = new UrlSigner("https://s3.example.org/images/", "eu-central-1", { accessKeyId: "a", secretAccessKey: "b" });
	const keys = Array.from({ length: 20_000 }, () => `images/${randomUUID()}/${"0".repeat(32)}/original`);
	const at = new Date();
	for (const key of keys) signer.sign("GET", key, at, 900);
	const start = performance.now();
	for (const key of keys) signer.sign("GET", key, at, 900);
	console.log(`signing: ${(((performance.now() - start) / keys.length) * 1000).toFixed(1)} µs a URL`);
}

async function measureMessages(): Promise<void> {
	const dataDir = mkdtempSync(join(tmpdir(), "parley-bench-media-"));
	const photoPath = join(dataDir, "photo.jpg");
	writeFileSync(photoPath, photo);
	const port = await freePort();
	const url = `http://127.0.0.1:${port}`;
	const server = startServer(port, dataDir);
	try {
		await until(() => isGatewayReady(url), { timeoutMs: 30_000, intervalMs: 100 });
		const secret = embeddedSecret(dataDir);
		const crowd = await connectPairs(url, secret);
		await exchange(crowd, 5);
		const quiet: number[] = [];
		const loaded: number[] = [];
		const cpuMs = { quiet: 0, loaded: 0 };
		let images = 0;
		for (let round = 0; round < rounds; round++) {
			const before = cpuMsOf(server.pid);
			quiet.push(...(await exchange(crowd, seconds)));
			cpuMs.quiet += cpuMsOf(server.pid) - before;
			const beforeUploads = cpuMsOf(server.pid);
			const uploads = startUploads(url, crowd, photoPath);
			loaded.push(...(await exchange(crowd, seconds)));
			images += await uploads.stop();
			cpuMs.loaded += cpuMsOf(server.pid) - beforeUploads;
		}
		console.log(`delivery of ${messagesPerSecond} messages/s, ${rounds} times ${seconds} s each way:`);
		console.log(`  without images: ${describe(quiet)}`);
		console.log(`  with ${(images / rounds / seconds).toFixed(1)} confirmed images/s: ${describe(loaded)}`);
		console.log(`  p95: ${((percentiles(loaded).p95 / percentiles(quiet).p95 - 1) * 100).toFixed(0)} % (goal: within 20 %)`);
		if (isAutogrouped())
			console.log("  kernel.sched_autogroup_enabled is 1: outside of a container, images cost more (docs/adr/0011)");
		const more = (cpuMs.loaded - cpuMs.quiet) / images;
		console.log(`  of the process that serves messages, an image takes ${more.toFixed(0)} ms of CPU`);
		for (const { socket, other } of crowd) for (const each of [socket, other]) each.close();
	} finally {
		const exited = once(server, "exit");
		server.kill("SIGTERM");
		await exited;
		rmSync(dataDir, { recursive: true });
	}
}

interface Pair {
	conversationId: string;
	token: string;
	socket: Socket;
	other: Socket;
}

async function connectPairs(url: string, secret: string): Promise<Pair[]> {
	const token = (sub: string, role: "user" | "platform") => signToken({ sub, role, ttlSeconds: 3600, jwt: { secret } });
	const platform = await token("bench", "platform");
	return Promise.all(
		Array.from({ length: pairs }, async (_, i) => {
			const [a, b] = [`a${i}`, `b${i}`];
			for (const id of [a, b]) await ask(url, platform, "PUT", `/platform/users/${id}`, { name: id });
			const application = { applicantId: a, employerId: b, jobTitle: "Bench", status: "NEW" };
			await ask(url, platform, "PUT", `/platform/applications/x${i}`, application);
			const [tokenA, tokenB] = [await token(a, "user"), await token(b, "user")];
			const { id } = (await ask(url, tokenA, "POST", "/conversations", { jobApplicationId: `x${i}` })) as { id: string };
			return { conversationId: id, token: tokenA, socket: await connect(url, tokenA), other: await connect(url, tokenB) };
		}),
	);
}

/** Sends at a steady rate. Resolves with the time in milliseconds that each message took to the other user's socket. */
async function exchange(crowd: Pair[], forSeconds: number): Promise<number[]> {
	const sentAt = new Map<string, number>();
	const took: number[] = [];
	const onMessage = ({ message }: { message: { clientId: string } }, acknowledge: () => void) => {
		const at = sentAt.get(message.clientId);
		if (at !== undefined) took.push(performance.now() - at);
		acknowledge();
	};
	for (const { other } of crowd) other.on("message_received", onMessage);
	const start = performance.now();
	const total = forSeconds * messagesPerSecond;
	for (let n = 0; n < total; n++) {
		const dueIn = start + (n * 1000) / messagesPerSecond - performance.now();
		if (dueIn > 0) await delay(dueIn);
		const { socket, conversationId } = crowd[n % crowd.length] as Pair;
		const clientId = randomUUID();
		// Measured from the time when it was due, so that a slow sender does not make the server look faster.
		sentAt.set(clientId, Math.max(start + (n * 1000) / messagesPerSecond, performance.now() - 2));
		socket.emit("send_message", { conversationId, clientId, content: `Message ${n} of a bench ${"x".repeat(100)}` }, () => {});
	}
	for (let waited = 0; took.length < total && waited < 10_000; waited += 50) await delay(50);
	if (took.length < total) throw new Error(`${total - took.length} messages did not arrive.`);
	for (const { other } of crowd) other.off("message_received", onMessage);
	return took;
}

function startUploads(url: string, crowd: Pair[], photoPath: string) {
	const child = fork(join(import.meta.dirname, "media-uploads.ts"));
	// Real uploads come from other machines, so this process must not take the server's CPU time.
	runWhenIdle(child);
	const uploaders = crowd.map(({ conversationId, token }) => ({ conversationId, token }));
	child.send({ url, photoPath, perSecond: uploadsPerSecond, uploaders } satisfies UploadOrder);
	return {
		async stop(): Promise<number> {
			const answered = once(child, "message");
			const exited = once(child, "exit");
			child.send("stop");
			const [confirmed] = await answered;
			await exited;
			return confirmed;
		},
	};
}

function isAutogrouped(): boolean {
	try {
		return readFileSync("/proc/sys/kernel/sched_autogroup_enabled", "utf8").trim() === "1";
	} catch {
		return false;
	}
}

async function ask(url: string, token: string, method: string, path: string, body: object): Promise<unknown> {
	const response = await fetch(url + path, {
		method,
		headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
		body: JSON.stringify(body),
	});
	if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
	return response.json();
}

async function connect(url: string, token: string): Promise<Socket> {
	const socket = io(`${url}/messaging`, { auth: { token }, transports: ["websocket"], forceNew: true });
	await new Promise<void>((resolve, reject) => {
		socket.once("connect", resolve);
		socket.once("connect_error", reject);
	});
	return socket;
}

function startServer(port: number, dataDir: string): ChildProcess {
	const command = startCommand();
	return spawn(process.execPath, command.args, {
		env: {
			...inherited("PATH"),
			...command.env,
			PORT: String(port),
			DATA_DIR: dataDir,
			DEMO: "off",
			LOG_LEVEL: "warn",
			METRICS_PORT: "0",
			...unlimited,
		},
		stdio: ["ignore", "inherit", "inherit"],
	});
}

function describe(times: number[]): string {
	const { p50, p95, p99 } = percentiles(times);
	return `p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
}

/** The CPU time of a process so far, without its children. Linux only; 0 on other systems. */
function cpuMsOf(pid: number | undefined): number {
	return (pid && usageOf(pid)?.cpuMs) || 0;
}

function mb(bytes: number): string {
	return `${(bytes / 1e6).toFixed(1)} MB`;
}
