import type { ServiceBroker } from "moleculer";
import { callsOf } from "../lib/contracts.ts";
import type { Push, ServerEvents } from "../services/gateway/gateway.contract.ts";

/** A payload for the sockets of some people, each under an event that has this payload. */
export function push<E extends keyof ServerEvents>(payload: ServerEvents[E], ...to: { userId: string; event: E }[]): Push {
	return { payload, to };
}

/**
 * Hands pushes to the gateways. A gateway that cannot be reached is only logged: what a push says is in the database, and
 * clients catch up from there.
 */
export async function deliver(broker: ServiceBroker, pushes: Push[]): Promise<void> {
	if (pushes.length === 0) return;
	await Promise.all(
		gatewayNodes(broker).map(async (nodeID) => {
			try {
				await callsOf(broker).call("gateway.deliver", { pushes }, { nodeID });
			} catch (error) {
				broker.logger.warn(`Could not deliver to ${nodeID}:`, error instanceof Error ? error.message : error);
			}
		}),
	);
}

/** Moleculer's registry is not in its types. */
interface Registry {
	actions: { get(name: string): { endpoints: { id: string; isAvailable: boolean }[] } | undefined };
}

function gatewayNodes(broker: ServiceBroker): string[] {
	const { actions } = broker.registry as unknown as Registry;
	return (actions.get("gateway.deliver")?.endpoints ?? []).filter(({ isAvailable }) => isAvailable).map(({ id }) => id);
}
