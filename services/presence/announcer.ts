import type { Presence } from "./presence.contract.ts";
import type { Claimed, Watch } from "./watch.ts";

/** Users that are told of at a time. */
const batchSize = 200;

/**
 * Tells of all users of whom something is to be told, one batch after the other, so that thousands who come or go at once are no
 * storm. Other nodes do the same and share the work. What could not be told is told again when the claim has run out.
 */
export class Announcer {
	readonly #watch: Watch;
	readonly #announce: (presences: Presence[]) => Promise<void>;
	#running: Promise<void> | undefined;
	#again = false;
	#isStopped = false;

	constructor(watch: Watch, announce: (presences: Presence[]) => Promise<void>) {
		this.#watch = watch;
		this.#announce = announce;
	}

	/** Resolves when nobody is left to tell of. Called while it runs, it looks once more. */
	run(): Promise<void> {
		this.#again = true;
		this.#running ??= this.#runAll();
		return this.#running;
	}

	/** Resolves when the batch that is being told of is done. */
	async stop(): Promise<void> {
		this.#isStopped = true;
		await this.#running?.catch(() => {});
	}

	async #runAll(): Promise<void> {
		try {
			while (this.#again && !this.#isStopped) {
				this.#again = false;
				for (;;) {
					const claimed = await this.#watch.claim(batchSize);
					if (claimed.length === 0) break;
					await this.#tell(claimed);
					if (this.#isStopped) return;
				}
			}
		} finally {
			this.#running = undefined;
		}
	}

	async #tell(claimed: Claimed[]): Promise<void> {
		await this.#announce(await this.#watch.settle(claimed));
		await this.#watch.release(claimed);
	}
}
