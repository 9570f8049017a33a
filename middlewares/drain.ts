import type { Middleware, Service, ServiceBroker } from "moleculer";

/** A service that must move its clients away before the node stops. */
interface Draining extends Service {
	drain(): Promise<void>;
}

/**
 * When a node stops, first calls `drain` of its services, while the other nodes still have the node in their registries. Moleculer by
 * itself withdraws the node first, so that its sockets would get no pushes until they have moved.
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

/** Drains all services. One that fails does not keep the node from stopping. */
async function drainAll({ services, logger }: ServiceBroker): Promise<void> {
	const draining = services.filter((service): service is Draining => typeof (service as Draining).drain === "function");
	const results = await Promise.allSettled(draining.map((service) => service.drain()));
	for (const result of results) if (result.status === "rejected") logger.warn("A service could not be drained:", result.reason);
}
