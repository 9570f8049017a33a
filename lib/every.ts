/** Work that is done again and again. */
export interface Repeated {
	/** Does it now. While it is being done: once more directly afterwards, for all who asked meanwhile. */
	now(): void;
	/** Aborts the signal that the work was given. Resolves when what is being done has ended; nothing is done any more. */
	stop(): Promise<void>;
}

/**
 * Does the work every `intervalMs`, and whenever `now` is called, but never twice at once. `failed` gets what it rejects with; then
 * it is done again as usual. What is due while it is being done is left out, unless it was asked for by `now`.
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
