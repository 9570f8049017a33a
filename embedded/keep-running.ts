import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { EmbeddedError } from "./error.ts";

/** A running server program. */
export interface Running {
	/** Resolves when it has ended, with the reason: `SIGKILL`, `exit code 1`. */
	ended: Promise<string>;
	stop(): Promise<void>;
}

export interface Program {
	/** Its name in messages. */
	name: string;
	/** Resolves when the program is ready. If `stopping` is aborted before, it ends what it has started and rejects. */
	start(stopping: AbortSignal): Promise<Running>;
}

/** Gets a report when a program ends by itself. */
export interface Watcher {
	/** The program is being restarted, or runs again. The message is one line. */
	note(message: string): void;
	/** The program could not be restarted. */
	lost(error: EmbeddedError): void;
}

/** The pauses before the attempts to restart a program, about 17 s together. After the last attempt the program counts as lost. */
const pausesMs = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];

/** After a run of this length, a program has all attempts again. */
const stableMs = 60_000;

/**
 * Starts a program, and restarts it whenever it ends by itself. The returned function stops it, also during a start.
 * @throws the error of the first start
 */
export async function keepRunning(
	{ name, start }: Program,
	{ note, lost }: Watcher = defaultWatcher,
): Promise<() => Promise<void>> {
	const stopping = new AbortController();
	const { signal } = stopping;
	const stopped = once(signal, "abort").then(() => "stopped");
	let attempts = 0;

	/** Undefined when it was stopped meanwhile, or is lost. */
	async function restart(how: string): Promise<Running | undefined> {
		for (let problem: unknown; ; ) {
			const pauseMs = pausesMs[attempts++];
			if (pauseMs === undefined) {
				const reason = problem === undefined ? "" : `: ${problem instanceof Error ? problem.message : problem}`;
				lost(new EmbeddedError(`${name} ended (${how}) and could not be started again${reason}`, { cause: problem }));
				return undefined;
			}
			try {
				await delay(pauseMs, undefined, { signal });
				return await start(signal);
			} catch (error) {
				if (signal.aborted) return undefined;
				problem = error;
			}
		}
	}

	async function watch(first: Running): Promise<void> {
		for (let running: Running | undefined = first; running; ) {
			const startedMs = performance.now();
			const how: string = await Promise.race([running.ended, stopped]);
			if (signal.aborted) return running.stop();
			const endedMs = performance.now();
			if (endedMs - startedMs > stableMs) attempts = 0;
			note(`${name} ended (${how}) and is started again.`);
			running = await restart(how);
			if (running) note(`${name} runs again after ${((performance.now() - endedMs) / 1_000).toFixed(1)} s.`);
		}
	}

	const watching = watch(await start(signal));
	return async () => {
		stopping.abort();
		await watching;
	};
}

/** Writes to standard error. A process that has lost a part cannot work, so it exits, and its supervisor can restart it. */
const defaultWatcher: Watcher = {
	note: (message) => process.stderr.write(`${message}\n`),
	lost({ message }) {
		process.stderr.write(`${message}\n`);
		process.exit(1);
	},
};
