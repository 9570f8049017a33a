/** Typed events. Handlers run after the state has changed; one that throws does not stop the others. */
export class Emitter<Events extends object> {
	readonly #handlers = new Map<keyof Events, Set<(payload: never) => void>>();

	/** Returns the function that ends the subscription. */
	on<Name extends keyof Events>(event: Name, handler: (payload: Events[Name]) => void): () => void {
		const handlers = this.#handlers.get(event) ?? new Set();
		this.#handlers.set(event, handlers.add(handler));
		return () => {
			handlers.delete(handler);
		};
	}

	emit<Name extends keyof Events>(event: Name, payload: Events[Name]): void {
		for (const handler of this.#handlers.get(event) ?? []) queueMicrotask(() => handler(payload as never));
	}
}
