import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ParleyError } from "../../lib/errors.ts";
import { giveWay } from "../../lib/give-way.ts";
import type { Developed, Job } from "./develop.ts";
import type { RejectionReason } from "./media.contract.ts";
import { developSeconds } from "./states.ts";

const program = fileURLToPath(new URL("image-process.ts", import.meta.url));

/** A process that has nothing to do gives its memory back. */
const idleMs = 60_000;

type Answer = Developed | { rejected: RejectionReason };

interface Worker {
	child: ChildProcess;
	idle: NodeJS.Timeout | undefined;
}

/** Develops images in processes of their own, as many as are asked at a time. An image that kills its process harms no other. */
export class Darkroom {
	readonly #free: Worker[] = [];
	readonly #all = new Set<Worker>();

	/** UNAVAILABLE when the storage or the scanner fails, the process dies, or it takes too long: then it is ended. */
	async develop(job: Job): Promise<Answer> {
		const worker = this.#free.pop() ?? this.#start();
		clearTimeout(worker.idle);
		try {
			const answer = await ask(worker.child, job);
			this.#free.push(worker);
			worker.idle = setTimeout(() => this.#end(worker), idleMs).unref();
			if ("failed" in answer) throw new Error(answer.failed);
			return answer;
		} catch (cause) {
			if (!this.#free.includes(worker)) await this.#end(worker);
			throw new ParleyError("UNAVAILABLE", { message: "The image cannot be processed now.", cause });
		}
	}

	async close(): Promise<void> {
		await Promise.all([...this.#all].map((worker) => this.#end(worker)));
	}

	#start(): Worker {
		const child = fork(program, { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
		const worker: Worker = { child, idle: undefined };
		this.#all.add(worker);
		child.once("exit", () => this.#forget(worker));
		child.once("error", () => this.#forget(worker));
		giveWay(child);
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

function ask(child: ChildProcess, job: Job): Promise<Answer | { failed: string }> {
	const { promise, resolve, reject } = Promise.withResolvers<Answer | { failed: string }>();
	const died = (code: unknown) => reject(new Error(`The image process ended (${code}).`));
	const timer = setTimeout(() => reject(new Error(`No image within ${developSeconds} s.`)), developSeconds * 1000);
	child.once("message", resolve);
	child.once("exit", died);
	child.once("error", reject);
	child.send(job, (error) => error && reject(error));
	return promise.finally(() => {
		clearTimeout(timer);
		child.off("message", resolve);
		child.off("exit", died);
		child.off("error", reject);
	});
}
