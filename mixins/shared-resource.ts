import type { ServiceBroker } from "moleculer";

/** A resource that the services of a broker share: the first one that acquires it opens it, the last one to release it closes it. */
export class SharedResource<Resource> {
	readonly #open: (broker: ServiceBroker) => Resource;
	readonly #close: (resource: Resource) => Promise<void> | void;
	readonly #ofBroker = new WeakMap<ServiceBroker, { resource: Resource; userCount: number }>();

	constructor(open: (broker: ServiceBroker) => Resource, close: (resource: Resource) => Promise<void> | void) {
		this.#open = open;
		this.#close = close;
	}

	acquire(broker: ServiceBroker): Resource {
		const entry = this.#ofBroker.get(broker) ?? { resource: this.#open(broker), userCount: 0 };
		entry.userCount++;
		this.#ofBroker.set(broker, entry);
		return entry.resource;
	}

	/** Does nothing when no service of the broker has acquired it. */
	async release(broker: ServiceBroker): Promise<void> {
		const entry = this.#ofBroker.get(broker);
		if (!entry || --entry.userCount > 0) return;
		this.#ofBroker.delete(broker);
		await this.#close(entry.resource);
	}
}
