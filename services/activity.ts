import type { ServiceBroker } from "moleculer";
import { chunksOf, idsPerCall } from "../lib/chunks.ts";
import { callsOf } from "./contracts.ts";
import { gatewayNodes } from "./push.ts";

/** How long the registry, and then each gateway, may take to answer. */
const options = { timeout: 1_000, retries: 0 };

/**
 * When each of these users last did something on any of their devices that are connected now, in milliseconds since 1970. A user is
 * left out who is not connected or has done nothing on this connection, and when a gateway or the registry does not answer.
 * Never rejects.
 */
export async function lastActivity(broker: ServiceBroker, userIds: string[]): Promise<Map<string, number>> {
	const latest = new Map<string, number>();
	await Promise.all(
		[...(await usersByGateway(broker, userIds))].flatMap(([nodeID, here]) =>
			chunksOf(here, idsPerCall).map(async (ids) => {
				for (const [userId, atMs] of await activityOn(broker, nodeID, ids)) {
					if (atMs > (latest.get(userId) ?? 0)) latest.set(userId, atMs);
				}
			}),
		),
	);
	return latest;
}

/** A gateway that the registry does not know is asked about all users. A single gateway is asked without a lookup. */
async function usersByGateway(broker: ServiceBroker, userIds: string[]): Promise<Map<string, string[]>> {
	const gateways = gatewayNodes(broker);
	if (gateways.length <= 1 || userIds.length === 0) return new Map(gateways.map((nodeID) => [nodeID, userIds]));
	try {
		const { nodes, reporting } = await callsOf(broker).call("presence.locate", { userIds }, options);
		const isMaybeOn = (userId: string, nodeID: string) => !reporting.includes(nodeID) || nodes[userId]?.includes(nodeID);
		return new Map(gateways.map((nodeID) => [nodeID, userIds.filter((userId) => isMaybeOn(userId, nodeID))]));
	} catch (error) {
		broker.logger.debug("The registry does not say where people are active:", error);
		return new Map();
	}
}

async function activityOn(broker: ServiceBroker, nodeID: string, userIds: string[]): Promise<[string, number][]> {
	try {
		const { activity } = await callsOf(broker).call("gateway.activity", { userIds }, { ...options, nodeID });
		return Object.entries(activity).map(([userId, at]) => [userId, Date.parse(at)]);
	} catch (error) {
		broker.logger.debug(`${nodeID} does not say who is active:`, error);
		return [];
	}
}
