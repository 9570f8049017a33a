import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs";
import { fileURLToPath } from "node:url";
import { childEnv } from "../../lib/child-env.ts";
import { ParleyError } from "../../lib/errors.ts";
import { runWhenIdle } from "./cpu-priority.ts";
import { processingCpuSeconds, processingMemoryBytes, processingTimeoutSeconds } from "./image-lifecycle.ts";
import type { RejectionReason } from "./media.contract.ts";
import type { Answer, Job, ProcessedImage } from "./process-upload.ts";
import { usageOf } from "./process-usage.ts";

const program = fileURLToPath(new URL("image-process.ts", import.meta.url));

/** A process without work ends after this time and frees its memory. */
const idleMs = 60_000;

/** How often the use of CPU and memory is checked. */
const checkMs = 100;

interface Worker {
	child: ChildProcess;
	idleTimer: NodeJS.Timeout | undefined;
}

/** What one image may use. */
export interface Limits {
	cpuMs: number;
	/** Of the whole process. */
	residentBytes: number;
}

const defaultLimits: Limits = { cpuMs: processingCpuSeconds * 1000, residentBytes: processingMemoryBytes };

const unavailable = (reason: string) =>
	new ParleyError("UNAVAILABLE", { message: "The image cannot be processed now.", cause: new Error(reason) });

/** The image exceeded a limit, or its process died, perhaps because of the image. This counts as one of its attempts. */
export class AttemptFailed extends ParleyError {
	constructor(reason: string) {
		super("UNAVAILABLE", { message: "The image cannot be processed now.", cause: new Error(reason) });
	}
}

/**
 * Processes uploads in child processes, one upload in each at a time. As many run as there are calls at a time. A process is killed
 * if its image exceeds the limits; other images are not affected.
 */
export class ImageWorkers {
	readonly #limits: Limits;
	readonly #free: Worker[] = [];
	readonly #all = new Set<Worker>();

	constructor(limits: Partial<Limits> = {}) {
		this.#limits = { ...defaultLimits, ...limits };
	}

	/**
	 * Ends at `deadline` at the latest. Throws UNAVAILABLE when the storage or the scanner fails or the machine is too busy, and
	 * AttemptFailed.
	 */
	async process(job: Job, deadline?: AbortSignal): Promise<ProcessedImage | { rejected: RejectionReason }> {
		const worker = this.#free.pop() ?? this.#start();
		clearTimeout(worker.idleTimer);
		const answer = await ask(worker.child, job, this.#limits, deadline).catch(async (cause: Error) => {
			await this.#end(worker);
			throw cause instanceof ParleyError ? cause : new AttemptFailed(cause.message);
		});
		this.#free.push(worker);
		worker.idleTimer = setTimeout(() => this.#end(worker), idleMs).unref();
		if ("timedOut" in answer) throw new AttemptFailed(answer.timedOut);
		if ("failed" in answer) throw unavailable(answer.failed);
		return answer;
	}

	async close(): Promise<void> {
		await Promise.all([...this.#all].map((worker) => this.#end(worker)));
	}

	#start(): Worker {
		const child = fork(program, { execArgv: [], env: childEnv(), stdio: ["ignore", "ignore", "inherit", "ipc"] });
		const worker: Worker = { child, idleTimer: undefined };
		this.#all.add(worker);
		child.once("exit", () => this.#remove(worker));
		child.once("error", () => this.#remove(worker));
		runWhenIdle(child);
		// If memory runs out in spite of the limit, the kernel kills this process first, and not the one that serves messages.
		if (process.platform === "linux") writeFile(`/proc/${child.pid}/oom_score_adj`, "1000", () => {});
		return worker;
	}

	async #end(worker: Worker): Promise<void> {
		this.#remove(worker);
		const { child } = worker;
		if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
		const exited = once(child, "exit");
		child.kill("SIGKILL");
		await exited;
	}

	#remove(worker: Worker): void {
		clearTimeout(worker.idleTimer);
		this.#all.delete(worker);
		const index = this.#free.indexOf(worker);
		if (index >= 0) this.#free.splice(index, 1);
	}
}

/** Rejects when the process has ended or must be ended. */
function ask(child: ChildProcess, job: Job, limits: Limits, deadline = new AbortController().signal): Promise<Answer> {
	const { promise, resolve, reject } = Promise.withResolvers<Answer>();
	const exited = (code: unknown, signal: unknown) => reject(new Error(`The image process ended (${code ?? signal}).`));
	const usage = enforceLimits(child, limits, reject);
	// An image that got less than half of its CPU time was delayed by other work. Then the time-out does not count against it.
	const isStarved = () => (usage.cpuMs() ?? limits.cpuMs) < limits.cpuMs / 2;
	const timedOut = () => reject(isStarved() ? unavailable("The machine is too busy.") : new Error("The image took too long."));
	const timer = setTimeout(timedOut, processingTimeoutSeconds * 1000);
	deadline.addEventListener("abort", timedOut, { once: true });
	child.once("message", resolve);
	child.once("exit", exited);
	child.once("error", reject);
	if (deadline.aborted) timedOut();
	else child.send(job, (error) => error && reject(error));
	return promise.finally(() => {
		clearTimeout(timer);
		usage.stop();
		deadline.removeEventListener("abort", timedOut);
		child.off("message", resolve);
		child.off("exit", exited);
		child.off("error", reject);
	});
}

/** sharp does not limit memory, and limits time only at some points. Without /proc only the time-out remains. */
function enforceLimits({ pid = 0 }: ChildProcess, limits: Limits, exceeded: (error: Error) => void) {
	const before = usageOf(pid);
	const cpuMs = () => {
		const now = usageOf(pid);
		return now && before && now.cpuMs - before.cpuMs;
	};
	const check = setInterval(() => {
		const usedMs = cpuMs() ?? 0;
		if (usedMs > limits.cpuMs) exceeded(new Error(`The image took ${usedMs} ms of CPU.`));
		const { residentBytes = 0 } = usageOf(pid) ?? {};
		if (residentBytes > limits.residentBytes) exceeded(new Error(`The image took ${residentBytes} bytes of memory.`));
	}, checkMs);
	return { cpuMs, stop: () => clearInterval(check) };
}
