/** Typed events. Handlers run after the state has changed. A handler that fails does not stop the others. */
export class Emitter<Events extends object> {
	readonly #handlers = new Map<keyof Events, Set<(payload: never) => unknown>>();
	readonly #failed: (event: keyof Events, error: unknown) => void;

	/** `failed` gets what a handler threw or rejected with, so that it does not end the app. */
	constructor(failed: (event: keyof Events, error: unknown) => void) {
		this.#failed = failed;
	}

	/** Returns the function that ends the subscription. */
	on<Name extends keyof Events>(event: Name, handler: (payload: Events[Name]) => unknown): () => void {
		const handlers = this.#handlers.get(event) ?? new Set();
		this.#handlers.set(event, handlers.add(handler));
		return () => {
			handlers.delete(handler);
		};
	}

	emit<Name extends keyof Events>(event: Name, payload: Events[Name]): void {
		for (const handler of this.#handlers.get(event) ?? []) queueMicrotask(() => void this.#run(event, handler, payload));
	}

	async #run<Name extends keyof Events>(event: Name, handler: (payload: never) => unknown, payload: Events[Name]): Promise<void> {
		try {
			await handler(payload as never); // `on` has stored the handler under the event of this payload.
		} catch (error) {
			this.#failed(event, error);
		}
	}
}
