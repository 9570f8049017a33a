import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { ParleyError } from "../../lib/errors.ts";
import type { RejectionReason } from "./media.contract.ts";
import type { Renditions } from "./render.ts";

const program = fileURLToPath(new URL("render-process.ts", import.meta.url));

/** Whatever takes longer was made to. */
const patienceMs = 20_000;

/** A process that has nothing to do gives its memory back. */
const idleMs = 60_000;

/** Images give way to messages: 0 is normal, 19 the least important. */
const niceness = 5;

interface Worker {
	child: ChildProcess;
	idle: NodeJS.Timeout | undefined;
}

/** Makes renditions in processes of their own, as many as are asked at a time. An image that kills its process harms no other. */
export class Renderer {
	readonly #free: Worker[] = [];
	readonly #all = new Set<Worker>();

	/** UNAVAILABLE when the process dies or takes too long. */
	async render(bytes: Buffer): Promise<Renditions | { rejected: RejectionReason }> {
		const worker = this.#free.pop() ?? this.#start();
		clearTimeout(worker.idle);
		try {
			const answer = await ask(worker.child, bytes);
			this.#free.push(worker);
			worker.idle = setTimeout(() => this.#end(worker), idleMs).unref();
			return answer;
		} catch (cause) {
			this.#end(worker);
			throw new ParleyError("UNAVAILABLE", { cause });
		}
	}

	async close(): Promise<void> {
		await Promise.all([...this.#all].map((worker) => this.#end(worker)));
	}

	#start(): Worker {
		const child = fork(program, { serialization: "advanced", execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
		const worker: Worker = { child, idle: undefined };
		this.#all.add(worker);
		child.once("exit", () => this.#forget(worker));
		child.once("error", () => this.#forget(worker));
		if (child.pid !== undefined) setPriority(child.pid, niceness);
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

function ask(child: ChildProcess, bytes: Buffer): Promise<Renditions | { rejected: RejectionReason }> {
	const { promise, resolve, reject } = Promise.withResolvers<Renditions | { rejected: RejectionReason }>();
	const died = (code: unknown) => reject(new Error(`The image process ended (${code}).`));
	const timer = setTimeout(() => reject(new Error(`No rendition within ${patienceMs} ms.`)), patienceMs);
	child.once("message", resolve);
	child.once("exit", died);
	child.once("error", reject);
	child.send(bytes, (error) => error && reject(error));
	return promise.finally(() => {
		clearTimeout(timer);
		child.off("message", resolve);
		child.off("exit", died);
		child.off("error", reject);
	});
}
