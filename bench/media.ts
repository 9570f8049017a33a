import { type ChildProcess, fork, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { io, type Socket } from "socket.io-client";
import { embeddedSecret } from "../embedded/secret.ts";
import { signToken } from "../lib/token.ts";
import { UrlSigner } from "../lib/url-signer.ts";
import { runWhenIdle } from "../services/media/cpu-priority.ts";
import { render } from "../services/media/render.ts";
import type { Order } from "./media-uploads.ts";

/**
 * What images cost: the CPU of one rendition set of a 12-megapixel JPEG, the time to sign a URL, and what 2 confirmed uploads a
 * second do to the delivery of 100 messages a second, in one process with everything embedded. Quiet and loaded phases take
 * turns, since a machine is never the same for long.
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

/** Detail at every scale, as a photograph has it: noise at several sizes, added up. */
async function makePhoto(width: number, height: number): Promise<Buffer> {
	const layers = await Promise.all(
		[4, 16, 64].map(async (scale) => {
			const noise = { type: "gaussian", mean: 128, sigma: 50 } as const;
			const size = { width: Math.ceil(width / scale), height: Math.ceil(height / scale) };
			const small = await sharp({ create: { ...size, channels: 3, background: "grey", noise } })
				.png()
				.toBuffer();
			return sharp(small).resize(width, height, { kernel: "cubic" }).ensureAlpha(0.5).png({ compressionLevel: 1 }).toBuffer();
		}),
	);
	const [base, ...others] = layers;
	return sharp(base)
		.composite(others.map((input) => ({ input })))
		.flatten()
		.jpeg({ quality: 92 })
		.toBuffer();
}

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
		await untilReady(url);
		const secret = embeddedSecret(dataDir);
		const crowd = await gather(url, secret);
		await exchange(crowd, 5);
		const quiet: number[] = [];
		const loaded: number[] = [];
		const cpuMs = { quiet: 0, loaded: 0 };
		let images = 0;
		for (let round = 0; round < rounds; round++) {
			const before = cpuMsOf(server.pid);
			quiet.push(...(await exchange(crowd, seconds)));
			cpuMs.quiet += cpuMsOf(server.pid) - before;
			const between = cpuMsOf(server.pid);
			const uploads = startUploads(url, crowd, photoPath);
			loaded.push(...(await exchange(crowd, seconds)));
			images += await uploads.stop();
			cpuMs.loaded += cpuMsOf(server.pid) - between;
		}
		console.log(`delivery of ${messagesPerSecond} messages/s, ${rounds} times ${seconds} s each way:`);
		console.log(`  without images: ${describe(quiet)}`);
		console.log(`  with ${(images / rounds / seconds).toFixed(1)} confirmed images/s: ${describe(loaded)}`);
		console.log(`  p95: ${((percentile(loaded, 95) / percentile(quiet, 95) - 1) * 100).toFixed(0)} % (goal: within 20 %)`);
		if (isAutogrouped())
			console.log("  kernel.sched_autogroup_enabled is 1: outside of a container images cost more (docs/adr/0011)");
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

async function gather(url: string, secret: string): Promise<Pair[]> {
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

/** Sends at a steady rate, late or not; how long each message took to the other's socket, in milliseconds. */
async function exchange(crowd: Pair[], forSeconds: number): Promise<number[]> {
	const sentAt = new Map<string, number>();
	const took: number[] = [];
	const hear = ({ message }: { message: { clientId: string } }, acknowledge: () => void) => {
		const at = sentAt.get(message.clientId);
		if (at !== undefined) took.push(performance.now() - at);
		acknowledge();
	};
	for (const { other } of crowd) other.on("message_received", hear);
	const start = performance.now();
	const total = forSeconds * messagesPerSecond;
	for (let n = 0; n < total; n++) {
		const dueIn = start + (n * 1000) / messagesPerSecond - performance.now();
		if (dueIn > 0) await delay(dueIn);
		const { socket, conversationId } = crowd[n % crowd.length] as Pair;
		const clientId = randomUUID();
		// From when it was due: a sender that is held up must not flatter the server.
		sentAt.set(clientId, Math.max(start + (n * 1000) / messagesPerSecond, performance.now() - 2));
		socket.emit("send_message", { conversationId, clientId, content: `Message ${n} of a bench ${"x".repeat(100)}` }, () => {});
	}
	for (let waited = 0; took.length < total && waited < 10_000; waited += 50) await delay(50);
	if (took.length < total) throw new Error(`${total - took.length} messages did not arrive.`);
	for (const { other } of crowd) other.off("message_received", hear);
	return took;
}

function startUploads(url: string, crowd: Pair[], photoPath: string) {
	const child = fork(join(import.meta.dirname, "media-uploads.ts"));
	// Phones do not share the server's cores.
	runWhenIdle(child);
	const uploaders = crowd.map(({ conversationId, token }) => ({ conversationId, token }));
	child.send({ url, photoPath, perSecond: uploadsPerSecond, uploaders } satisfies Order);
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

/** Used so far by all threads of a process, without its children. Linux only; 0 elsewhere. */
function cpuMsOf(pid: number | undefined): number {
	try {
		const ticks = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(11, 13).map(Number) ?? [];
		return ticks.reduce((sum, each) => sum + each, 0) * 10;
	} catch {
		return 0;
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
	const unlimited = ["MESSAGES", "UPLOADS", "CONFIRMS", "CONVERSATIONS", "QUERIES"].map((what) => [`RATE_LIMIT_${what}`, "off"]);
	const runner = [
		"node_modules/moleculer/bin/moleculer-runner.mjs",
		"--config",
		"moleculer.config.ts",
		"--mask",
		"**/*.service.ts",
	];
	return spawn(process.execPath, runner, {
		env: {
			PATH: process.env.PATH,
			SERVICEDIR: "services",
			PORT: String(port),
			DATA_DIR: dataDir,
			DEMO: "off",
			LOG_LEVEL: "warn",
			METRICS_PORT: "0",
			...Object.fromEntries(unlimited),
		},
		stdio: ["ignore", "inherit", "inherit"],
	});
}

async function untilReady(url: string): Promise<void> {
	for (let tries = 0; tries < 300; tries++, await delay(100)) {
		const ready = await fetch(`${url}/health/ready`).catch(() => undefined);
		if (ready?.ok) return;
	}
	throw new Error("The server did not start.");
}

async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	server.close();
	await once(server, "close");
	return port;
}

function describe(times: number[]): string {
	return [50, 95, 99].map((p) => `p${p} ${percentile(times, p).toFixed(1)} ms`).join(", ");
}

function percentile(times: number[], p: number): number {
	return times.toSorted((a, b) => a - b)[Math.floor((times.length * p) / 100)] ?? Number.NaN;
}

function mb(bytes: number): string {
	return `${(bytes / 1e6).toFixed(1)} MB`;
}
