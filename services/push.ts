import type { ServiceBroker } from "moleculer";
import { Batcher } from "../lib/batcher.ts";
import { chunksBySize, jsonLength } from "../lib/chunks.ts";
import { callsOf, type Result } from "./contracts.ts";
import type { Push, ServerEvents } from "./gateway/gateway.contract.ts";

/** A payload, and the event under which each of these people gets it. */
export function push<E extends keyof ServerEvents>(payload: ServerEvents[E], ...to: { userId: string; event: E }[]): Push {
	return { payload, to };
}

/** How long the registry may take to answer. After that all gateways get the pushes. */
const locateTimeoutMs = 500;

/** More pushes than this to one gateway are cut into calls of about `chunkCharacters` characters of JSON. */
const maxUnmeasuredPushes = 16;
const chunkCharacters = 384 * 1024;

/** When the registry has not answered, it is not asked again for this time. */
const locateRetryMs = 1_000;

/** When each broker may ask the registry again after it did not answer. */
const retryLocateAtMs = new WeakMap<ServiceBroker, number>();

const outboxes = new WeakMap<ServiceBroker, Batcher<Push[], null>>();

/**
 * Sends pushes to the gateways on which their recipients have sockets. A gateway that the registry does not know gets all pushes.
 * Resolves when they have been sent, in the order of the calls. Pushes that come while the registry is asked are batched for the
 * next question. A gateway that cannot be reached is only logged: the content of a push is in the database, and clients get it
 * by `sync` or redelivery.
 */
export async function deliver(broker: ServiceBroker, pushes: Push[]): Promise<void> {
	const wanted = pushes.filter(({ to }) => to.length > 0);
	if (wanted.length === 0) return;
	const gateways = gatewayNodes(broker);
	// A single gateway gets all pushes without a lookup.
	if (gateways.length <= 1) return dispatch(broker, gateways, wanted, undefined);
	try {
		await outboxOf(broker).add(wanted);
	} catch (error) {
		broker.logger.warn("Pushes were dropped:", error);
	}
}

/** The users who may have a socket: all except those who certainly have none. */
export async function maybeConnected(broker: ServiceBroker, userIds: string[]): Promise<Set<string>> {
	const gateways = gatewayNodes(broker);
	if (gateways.length === 0) return new Set();
	const locations = await locate(broker, userIds);
	if (!locations || !gateways.every((nodeID) => locations.reporting.includes(nodeID))) return new Set(userIds);
	return new Set(userIds.filter((userId) => locations.nodes[userId]?.length));
}

function outboxOf(broker: ServiceBroker): Batcher<Push[], null> {
	const known = outboxes.get(broker);
	if (known) return known;
	const outbox = new Batcher<Push[], null>(
		async (batches) => {
			await send(broker, batches.flat());
			return batches.map(() => null);
		},
		{ maxBatch: 1_000, maxParked: 100_000 },
	);
	outboxes.set(broker, outbox);
	return outbox;
}

async function send(broker: ServiceBroker, pushes: Push[]): Promise<void> {
	const userIds = [...new Set(pushes.flatMap(({ to }) => to.map(({ userId }) => userId)))];
	dispatch(broker, gatewayNodes(broker), pushes, await locate(broker, userIds));
}

function dispatch(broker: ServiceBroker, gateways: string[], pushes: Push[], locations: Locations | undefined): void {
	for (const nodeID of gateways) {
		const here = locations?.reporting.includes(nodeID) ? pushesFor(nodeID, pushes, locations.nodes) : pushes;
		for (const chunk of nodeID === broker.nodeID ? inOneCall(here) : inCalls(here)) {
			callsOf(broker)
				.call("gateway.deliver", { pushes: chunk }, { nodeID, retries: 0 })
				.catch((error: unknown) =>
					broker.logger.warn(`Could not deliver to ${nodeID}:`, error instanceof Error ? error.message : error),
				);
		}
	}
}

const inOneCall = (pushes: Push[]) => (pushes.length === 0 ? [] : [pushes]);

/**
 * One very large call would delay all others to that gateway. A few pushes are sent without measuring: the bus takes any length.
 */
function inCalls(pushes: Push[]): Push[][] {
	return pushes.length <= maxUnmeasuredPushes ? inOneCall(pushes) : chunksBySize(pushes, jsonLength, chunkCharacters);
}

type Locations = Result<"presence.locate">;

async function locate(broker: ServiceBroker, userIds: string[]): Promise<Locations | undefined> {
	if (performance.now() < (retryLocateAtMs.get(broker) ?? 0)) return undefined;
	try {
		return await callsOf(broker).call("presence.locate", { userIds }, { timeout: locateTimeoutMs, retries: 0 });
	} catch (error) {
		broker.logger.debug("The presence registry does not answer:", error);
		retryLocateAtMs.set(broker, performance.now() + locateRetryMs);
		return undefined;
	}
}

function pushesFor(nodeID: string, pushes: Push[], nodes: Locations["nodes"]): Push[] {
	return pushes
		.map((one) => ({ ...one, to: one.to.filter(({ userId }) => nodes[userId]?.includes(nodeID)) }))
		.filter(({ to }) => to.length > 0);
}

/** The part of Moleculer's registry that is used here. */
interface ActionRegistry {
	actions: { get(name: string): { endpoints: { id: string; isAvailable: boolean }[] } | undefined };
}

/** The node ids of the gateways that are available. */
export function gatewayNodes(broker: ServiceBroker): string[] {
	const { actions } = broker.registry as unknown as ActionRegistry; // Moleculer's types leave out the catalogue of actions.
	return (actions.get("gateway.deliver")?.endpoints ?? []).filter(({ isAvailable }) => isAvailable).map(({ id }) => id);
}
