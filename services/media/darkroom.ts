import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs";
import { fileURLToPath } from "node:url";
import { childEnv } from "../../lib/config/child-env.ts";
import { ParleyError } from "../../lib/errors.ts";
import { giveWay } from "./cpu-priority.ts";
import type { Answer, Developed, Job } from "./develop.ts";
import type { RejectionReason } from "./media.contract.ts";
import { usageOf } from "./process-usage.ts";
import { developCpuSeconds, developMemoryBytes, developSeconds } from "./states.ts";

const program = fileURLToPath(new URL("image-process.ts", import.meta.url));

/** A process that has nothing to do gives its memory back. */
const idleMs = 60_000;

/** How often a process that works is looked at. */
const checkMs = 100;

interface Worker {
	child: ChildProcess;
	idle: NodeJS.Timeout | undefined;
}

/** What one image may take. */
export interface Limits {
	cpuMs: number;
	/** Of the whole process. */
	residentBytes: number;
}

const usual: Limits = { cpuMs: developCpuSeconds * 1000, residentBytes: developMemoryBytes };

const unavailable = (reason: string) =>
	new ParleyError("UNAVAILABLE", { message: "The image cannot be processed now.", cause: new Error(reason) });

/** The image took too much, or its process died over it: perhaps because of the image. It counts as one of its attempts. */
export class AttemptFailed extends ParleyError {
	constructor(reason: string) {
		super("UNAVAILABLE", { message: "The image cannot be processed now.", cause: new Error(reason) });
	}
}

/**
 * Develops images in processes of their own, as many as are asked at a time. An image that kills its process, or takes more than
 * an image may, harms no other: its process is ended.
 */
export class Darkroom {
	readonly #limits: Limits;
	readonly #free: Worker[] = [];
	readonly #all = new Set<Worker>();

	constructor(limits: Partial<Limits> = {}) {
		this.#limits = { ...usual, ...limits };
	}

	/** Until `deadline` at the latest. UNAVAILABLE when the storage or the scanner fails, or the machine is too busy; AttemptFailed. */
	async develop(job: Job, deadline?: AbortSignal): Promise<Developed | { rejected: RejectionReason }> {
		const worker = this.#free.pop() ?? this.#start();
		clearTimeout(worker.idle);
		const answer = await ask(worker.child, job, this.#limits, deadline).catch(async (cause: Error) => {
			await this.#end(worker);
			throw cause instanceof ParleyError ? cause : new AttemptFailed(cause.message);
		});
		this.#free.push(worker);
		worker.idle = setTimeout(() => this.#end(worker), idleMs).unref();
		if ("tookTooLong" in answer) throw new AttemptFailed(answer.tookTooLong);
		if ("failed" in answer) throw unavailable(answer.failed);
		return answer;
	}

	async close(): Promise<void> {
		await Promise.all([...this.#all].map((worker) => this.#end(worker)));
	}

	#start(): Worker {
		const child = fork(program, { execArgv: [], env: childEnv(), stdio: ["ignore", "ignore", "inherit", "ipc"] });
		const worker: Worker = { child, idle: undefined };
		this.#all.add(worker);
		child.once("exit", () => this.#forget(worker));
		child.once("error", () => this.#forget(worker));
		giveWay(child);
		// Where memory runs out in spite of the limit, the kernel shall take this process and not the one that serves messages.
		if (process.platform === "linux") writeFile(`/proc/${child.pid}/oom_score_adj`, "1000", () => {});
		return worker;
	}

	async #end(worker: Worker): Promise<void> {
		this.#forget(worker);
		const { child } = worker;
		if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
		const exited = once(child, "exit");
		child.kill("SIGKILL");
		await exited;
	}

	#forget(worker: Worker): void {
		clearTimeout(worker.idle);
		this.#all.delete(worker);
		const index = this.#free.indexOf(worker);
		if (index >= 0) this.#free.splice(index, 1);
	}
}

/** Rejects when the process has ended or has to be. */
function ask(child: ChildProcess, job: Job, limits: Limits, deadline = new AbortController().signal): Promise<Answer> {
	const { promise, resolve, reject } = Promise.withResolvers<Answer>();
	const died = (code: unknown, signal: unknown) => reject(new Error(`The image process ended (${code ?? signal}).`));
	const usage = watch(child, limits, reject);
	// Whoever hardly ran waited for others. That says nothing against the image.
	const isStarved = () => (usage.cpuMs() ?? limits.cpuMs) < limits.cpuMs / 2;
	const tooLate = () => reject(isStarved() ? unavailable("The machine is too busy.") : new Error("The image took too long."));
	const timer = setTimeout(tooLate, developSeconds * 1000);
	deadline.addEventListener("abort", tooLate, { once: true });
	child.once("message", resolve);
	child.once("exit", died);
	child.once("error", reject);
	if (deadline.aborted) tooLate();
	else child.send(job, (error) => error && reject(error));
	return promise.finally(() => {
		clearTimeout(timer);
		usage.stop();
		deadline.removeEventListener("abort", tooLate);
		child.off("message", resolve);
		child.off("exit", died);
		child.off("error", reject);
	});
}

/** sharp has no limit of its own for memory, and for time only where it asks. Without /proc the time-out has to do. */
function watch({ pid = 0 }: ChildProcess, limits: Limits, exceeded: (error: Error) => void) {
	const before = usageOf(pid);
	const cpuMs = () => {
		const now = usageOf(pid);
		return now && before && now.cpuMs - before.cpuMs;
	};
	const check = setInterval(() => {
		const takenMs = cpuMs() ?? 0;
		if (takenMs > limits.cpuMs) exceeded(new Error(`The image took ${takenMs} ms of CPU.`));
		const { residentBytes = 0 } = usageOf(pid) ?? {};
		if (residentBytes > limits.residentBytes) exceeded(new Error(`The image took ${residentBytes} bytes of memory.`));
	}, checkMs);
	return { cpuMs, stop: () => clearInterval(check) };
}
