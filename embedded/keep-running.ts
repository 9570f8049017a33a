import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { EmbeddedError } from "./error.ts";

/** A program that serves. */
export interface Running {
	/** Resolves when it has ended, with how: `SIGKILL`, `exit code 1`. */
	ended: Promise<string>;
	stop(): Promise<void>;
}

export interface Program {
	/** What messages call it. */
	name: string;
	/** Resolves when the program serves. When `stopping` is aborted before, it ends what it has begun and rejects. */
	start(stopping: AbortSignal): Promise<Running>;
}

/** Who is told when a program ends by itself. */
export interface Watcher {
	/** It is started again, or runs again. The message is one line. */
	note(message: string): void;
	/** It could not be started again. */
	lost(error: EmbeddedError): void;
}

/** The pauses before the attempts to start a program again; after the last one it is lost. Together about 17 s. */
const pausesMs = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];

/** A program that ran this long and ends has all attempts again. */
const stableMs = 60_000;

/**
 * Starts a program, and starts it again whenever it ends by itself. The answer stops it, also while it is being started.
 * @throws what the first start throws
 */
export async function keepRunning({ name, start }: Program, { note, lost }: Watcher = terminal): Promise<() => Promise<void>> {
	const stopping = new AbortController();
	const { signal } = stopping;
	const stopped = once(signal, "abort").then(() => "stopped");
	let attempts = 0;

	/** Undefined when it was stopped meanwhile, or is lost. */
	async function startAgain(how: string): Promise<Running | undefined> {
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
			running = await startAgain(how);
			if (running) note(`${name} runs again after ${((performance.now() - endedMs) / 1_000).toFixed(1)} s.`);
		}
	}

	const watching = watch(await start(signal));
	return async () => {
		stopping.abort();
		await watching;
	};
}

/** A process without one of its parts would only look alive: whatever runs it should start all of it again. */
const terminal: Watcher = {
	note: (message) => process.stderr.write(`${message}\n`),
	lost({ message }) {
		process.stderr.write(`${message}\n`);
		process.exit(1);
	},
};
