import type { Middleware, Service, ServiceBroker } from "moleculer";

/** A service that has something to end with its clients before it stops. */
interface Draining extends Service {
	drain(): Promise<void>;
}

/**
 * When a node stops, its services' `drain` comes first, while the other nodes still find it. Moleculer by itself withdraws the node
 * from the registry before anything else, so that its sockets would hear nothing until they have moved.
 */
export const drain: Middleware = {
	name: "drain",
	created(broker) {
		const stop = broker.stop.bind(broker);
		broker.stop = async () => {
			await drainAll(broker);
			await stop();
		};
	},
};

/** A service that cannot be drained must not keep the node from stopping. */
async function drainAll({ services, logger }: ServiceBroker): Promise<void> {
	const draining = services.filter((service): service is Draining => typeof (service as Draining).drain === "function");
	const results = await Promise.allSettled(draining.map((service) => service.drain()));
	for (const result of results) if (result.status === "rejected") logger.warn("A service could not be drained:", result.reason);
}
