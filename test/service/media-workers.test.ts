import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedStorage, startStorage } from "../../embedded/storage.ts";
import { childEnv } from "../../lib/config/child-env.ts";
import { Storage } from "../../mixins/storage.ts";
import { AttemptFailed, ImageWorkers } from "../../services/media/image-workers.ts";
import type { Job } from "../../services/media/process-upload.ts";
import { scan } from "../../services/media/scan.ts";
import { until } from "../../testing/until.ts";
import { manyScans } from "../support/hostile-images.ts";
import { type ImageProcess, imageProcessesOf } from "../support/image-processes.ts";
import { picture } from "../support/images.ts";
import { store } from "../support/store.ts";

jest.setTimeout(30_000);

let dataDir: string;
let embedded: EmbeddedStorage;
let storage: Storage;
let workers: ImageWorkers;

beforeEach(async () => {
	dataDir = mkdtempSync(join(tmpdir(), "parley-workers-"));
	embedded = await startStorage({ dataDir });
	storage = new Storage({ ...embedded.s3, bucket: "parley" });
	workers = new ImageWorkers();
});
afterEach(async () => {
	await workers.close();
	expect(imageProcessesOf(process.pid)).toEqual([]);
	storage.close();
	await embedded.stop();
	rmSync(dataDir, { recursive: true });
});

test("images are made in a process of their own that gives way to others", async () => {
	const processing = workers.process(await jobFor(1500, 1000));
	// From its start on, until it hardly gets a core.
	await until(() => imageProcessesOf(process.pid).some(({ policy }) => policy === "IDL"), { intervalMs: 1 });
	expect(await processing).toMatchObject({ mimeType: "image/jpeg", width: 1500, height: 1000 });
	expect(imageProcessesOf(process.pid)).toHaveLength(1);
	expect(await storage.size("images/original")).toBeGreaterThan(0);
	expect(await storage.size("images/thumbnail")).toBeGreaterThan(0);
});

test("on cores that others keep busy, an image does not wait for ever", async () => {
	const job = await jobFor(2000, 1500);
	const spin = `for (const end = Date.now() + 120_000; Date.now() < end; );`;
	const others = Array.from({ length: availableParallelism() * 2 }, () => spawn(process.execPath, ["-e", spin]));
	try {
		expect(await workers.process(job)).toMatchObject({ width: 2000 });
		expect(others.every(({ exitCode }) => exitCode === null)).toBe(true);
	} finally {
		const ended = others.map((other) => once(other, "exit"));
		for (const other of others) other.kill("SIGKILL");
		await Promise.all(ended);
	}
}, 120_000);

test("should that process die, its image is UNAVAILABLE and the next one is made", async () => {
	const processing = workers.process(await jobFor(1500, 1000));
	for (const { pid } of imageProcessesOf(process.pid)) process.kill(pid, "SIGKILL");
	await expect(processing).rejects.toMatchObject({ type: "UNAVAILABLE" });
	expect(await workers.process(await jobFor(64, 48))).toMatchObject({ width: 64 });
});

test("an image that takes more CPU or memory than an image may ends its process, and the next one is made", async () => {
	for (const limits of [{ cpuMs: 300 }, { residentBytes: 150 * 1024 * 1024 }]) {
		const strict = new ImageWorkers(limits);
		const costly = await jobOf(await manyScans(5_000, 5_000, 95));
		const processing = strict.process(costly);
		const [worker] = imageProcessesOf(process.pid);
		await expect(processing).rejects.toBeInstanceOf(AttemptFailed);
		await expect(processing).rejects.toMatchObject({ type: "UNAVAILABLE" });
		expect(imageProcessesOf(process.pid)).not.toContainEqual(expect.objectContaining({ pid: worker?.pid }));
		await strict.close();
	}
	expect(await workers.process(await jobFor(64, 48))).toMatchObject({ width: 64 });
});

test("an image that is late for the deadline of its confirmation ends its process, and is not blamed for a busy machine", async () => {
	const processing = workers.process(await jobOf(await manyScans(5_000, 5_000, 95)), AbortSignal.timeout(100));
	await expect(processing).rejects.toMatchObject({ type: "UNAVAILABLE" });
	await expect(processing).rejects.not.toBeInstanceOf(AttemptFailed);
	expect(imageProcessesOf(process.pid)).toEqual([]);
});

test("the image process and the scanner see no secret of ours, and go first when memory runs out", async () => {
	// Of the tests' own PostgreSQL; a node has more of the kind.
	const secret = String(process.env.TEST_DATABASE_URL);
	const seen = join(dataDir, "environ");
	const script = join(dataDir, "scanner.sh");
	writeFileSync(script, `cat > /dev/null; cat /proc/self/environ > ${seen}\n`);
	await workers.process({ ...(await jobFor(64, 48)), scanCommand: `/bin/sh ${script}` });
	const [{ pid }] = imageProcessesOf(process.pid) as [ImageProcess];
	const addedByNodeAndShell = ["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "PWD", "OLDPWD", "SHLVL", "_"];
	const allowed = [...Object.keys(childEnv()), ...addedByNodeAndShell];
	expect(allowed.filter((name) => /SECRET|TOKEN|PASSWORD|DATABASE|AWS/.test(name))).toEqual([]);
	for (const environ of [readFileSync(`/proc/${pid}/environ`, "utf8"), readFileSync(seen, "utf8")]) {
		expect(environ).not.toContain(secret);
		const names = environ.split("\0").flatMap((line) => line.split("=")[0] || []);
		expect(names).toContain("PATH");
		expect(names.filter((name) => !allowed.includes(name))).toEqual([]);
	}
	expect(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8").trim()).toBe("1000");
});

test("a storage that fails is no verdict, and the process goes on", async () => {
	const job = await jobFor(64, 48);
	const refused = workers.process({ ...job, targets: { ...job.targets, preview: `${job.targets.preview}0` } });
	await expect(refused).rejects.toMatchObject({ type: "UNAVAILABLE" });
	const [before] = imageProcessesOf(process.pid);
	expect(await workers.process(job)).toMatchObject({ width: 64 });
	expect(imageProcessesOf(process.pid)).toEqual([before]);
	expect(await workers.process({ ...job, sizeBytes: 1 })).toEqual({ rejected: "SIZE_MISMATCH" });
});

test.each([
	["true", "clean"],
	["false", "infected"],
	["grep -qv EICAR", "clean"],
])("%s says %s", async (command, verdict) => {
	expect(await scan(command, Buffer.from("an image"))).toBe(verdict);
});

test.each(["no-such-program -", "sh -c", "grep --no-such-option"])("%s says nothing: UNAVAILABLE", async (command) => {
	await expect(scan(command, Buffer.alloc(1_000_000))).rejects.toMatchObject({ type: "UNAVAILABLE" });
});

async function jobFor(width: number, height: number): Promise<Job> {
	return jobOf(await picture(width, height).jpeg().toBuffer());
}

async function jobOf(bytes: Buffer): Promise<Job> {
	await store(storage, "uploads/raw", bytes);
	return {
		uploadUrl: await storage.presign("GET", "uploads/raw", 60),
		sizeBytes: bytes.length,
		scanCommand: undefined,
		targets: {
			original: await storage.presign("PUT", "images/original", 60),
			preview: await storage.presign("PUT", "images/preview", 60),
			thumbnail: await storage.presign("PUT", "images/thumbnail", 60),
		},
		filename: "photo",
	};
}
