/** Work that is repeated. */
export interface Repeated {
	/** Runs the work now. While it is running: once more directly afterwards, for all calls meanwhile. */
	now(): void;
	/** Ends the repetition and aborts the signal of the work. Resolves when the work that is running has ended. */
	stop(): Promise<void>;
}

/**
 * Runs the work every `intervalMs`, and whenever `now` is called, but never twice at the same time. If it is still running when the
 * interval ends, that run is left out. `failed` gets what the work rejects with; the repetition goes on.
 */
export function every(
	intervalMs: number,
	work: (signal: AbortSignal) => Promise<void>,
	failed: (error: unknown) => void,
): Repeated {
	const stopping = new AbortController();
	const { signal } = stopping;
	let running: Promise<void> | undefined;
	let isAsked = false;

	async function run(): Promise<void> {
		do {
			isAsked = false;
			try {
				await work(signal);
			} catch (error) {
				if (!signal.aborted) failed(error);
			}
		} while (isAsked && !signal.aborted);
		running = undefined;
	}

	function start(): void {
		running ??= run();
	}

	const timer = setInterval(start, intervalMs);
	return {
		now() {
			if (signal.aborted) return;
			isAsked = true;
			start();
		},
		async stop() {
			clearInterval(timer);
			stopping.abort();
			await running;
		},
	};
}
