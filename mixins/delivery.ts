import type { ServiceBroker } from "moleculer";
import { callsOf, type Result } from "../lib/contracts.ts";
import type { Push, ServerEvents } from "../services/gateway/gateway.contract.ts";

/** A payload for the sockets of some people, each under an event that has this payload. */
export function push<E extends keyof ServerEvents>(payload: ServerEvents[E], ...to: { userId: string; event: E }[]): Push {
	return { payload, to };
}

/** How long the registry may take to answer; after that everybody is asked. */
const locateTimeoutMs = 500;

/** What was given to `deliver` last, as long as it is not on its way. */
const inOrder = new WeakMap<ServiceBroker, Promise<void>>();

/**
 * Hands pushes to those gateways on which the people have sockets; a gateway of which the registry cannot say gets all. Pushes
 * leave in the order of the calls. A gateway that cannot be reached is only logged: what a push says is in the database, and
 * clients and sweeps catch up from there.
 */
export function deliver(broker: ServiceBroker, pushes: Push[]): Promise<void> {
	const wanted = pushes.filter(({ to }) => to.length > 0);
	if (wanted.length === 0) return Promise.resolve();
	const sent = (inOrder.get(broker) ?? Promise.resolve()).then(() => send(broker, wanted));
	inOrder.set(broker, sent);
	return sent;
}

async function send(broker: ServiceBroker, pushes: Push[]): Promise<void> {
	const gateways = gatewayNodes(broker);
	// With a single gateway there is nothing to look up.
	const places = gateways.length > 1 ? await locate(broker, pushes) : undefined;
	for (const nodeID of gateways) {
		const here = places?.reporting.includes(nodeID) ? pushesFor(nodeID, pushes, places.nodes) : pushes;
		if (here.length === 0) continue;
		callsOf(broker)
			.call("gateway.deliver", { pushes: here }, { nodeID, retries: 0 })
			.catch((error: unknown) =>
				broker.logger.warn(`Could not deliver to ${nodeID}:`, error instanceof Error ? error.message : error),
			);
	}
}

type Places = Result<"presence.locate">;

async function locate(broker: ServiceBroker, pushes: Push[]): Promise<Places | undefined> {
	const userIds = [...new Set(pushes.flatMap(({ to }) => to.map(({ userId }) => userId)))];
	try {
		return await callsOf(broker).call("presence.locate", { userIds }, { timeout: locateTimeoutMs, retries: 0 });
	} catch (error) {
		broker.logger.debug("The registry does not answer:", error);
		return undefined;
	}
}

function pushesFor(nodeID: string, pushes: Push[], nodes: Places["nodes"]): Push[] {
	return pushes
		.map((one) => ({ ...one, to: one.to.filter(({ userId }) => nodes[userId]?.includes(nodeID)) }))
		.filter(({ to }) => to.length > 0);
}

/** Moleculer's registry is not in its types. */
interface ActionRegistry {
	actions: { get(name: string): { endpoints: { id: string; isAvailable: boolean }[] } | undefined };
}

/** The gateways that this node knows to be there. */
export function gatewayNodes(broker: ServiceBroker): string[] {
	const { actions } = broker.registry as unknown as ActionRegistry;
	return (actions.get("gateway.deliver")?.endpoints ?? []).filter(({ isAvailable }) => isAvailable).map(({ id }) => id);
}
