/**
 * Does something when it is asked to, and every `intervalMs` anyway, should the asking have been lost. Never twice at once:
 * who asks while it is being done has it done once more.
 */
export class Sweep {
	readonly #work: (signal: AbortSignal) => Promise<void>;
	readonly #intervalMs: number;
	#timer: NodeJS.Timeout | undefined;
	readonly #stopping = new AbortController();
	#running: Promise<void> | undefined;
	#isAsked = false;

	/** `work` must not reject: what it cannot do, it says itself. It ends early when the signal is aborted. */
	constructor(work: (signal: AbortSignal) => Promise<void>, intervalMs: number) {
		this.#work = work;
		this.#intervalMs = intervalMs;
	}

	start(): void {
		this.#timer = setInterval(() => this.look(), this.#intervalMs);
	}

	look(): void {
		if (this.#stopping.signal.aborted) return;
		this.#isAsked = true;
		this.#running ??= this.#run();
	}

	/** Resolves when what is being done has ended. */
	async stop(): Promise<void> {
		clearInterval(this.#timer);
		this.#stopping.abort();
		await this.#running;
	}

	async #run(): Promise<void> {
		while (this.#isAsked && !this.#stopping.signal.aborted) {
			this.#isAsked = false;
			await this.#work(this.#stopping.signal);
		}
		this.#running = undefined;
	}
}
