import type { ServiceBroker } from "moleculer";
import { Batcher } from "../lib/batcher.ts";
import { chunksBySize, jsonLength } from "../lib/chunks.ts";
import { callsOf, type Result } from "./contracts.ts";
import type { Push, ServerEvents } from "./gateway/gateway.contract.ts";

/** A payload for the sockets of some people, each under an event that has this payload. */
export function push<E extends keyof ServerEvents>(payload: ServerEvents[E], ...to: { userId: string; event: E }[]): Push {
	return { payload, to };
}

/** How long the registry may take to answer; after that everybody is asked. */
const locateTimeoutMs = 500;

/** More pushes than this to one gateway are measured, and cut into calls of about so many characters. */
const [unmeasuredPushes, chunkCharacters] = [16, 384 * 1024];

/** How long everybody is asked, without waiting for the registry, after it did not answer. */
const locateRetryMs = 1_000;

/** When each process asks its registry again that did not answer. */
const locateAtMs = new WeakMap<ServiceBroker, number>();

const outboxes = new WeakMap<ServiceBroker, Batcher<Push[], null>>();

/**
 * Hands pushes to those gateways on which the people have sockets; a gateway of which the registry cannot say gets all. Resolves
 * when they have left, in the order of the calls; what comes while the registry is asked goes together with the next question.
 * A gateway that cannot be reached is only logged: what a push says is in the database, and clients and sweeps catch up from
 * there.
 */
export async function deliver(broker: ServiceBroker, pushes: Push[]): Promise<void> {
	const wanted = pushes.filter(({ to }) => to.length > 0);
	if (wanted.length === 0) return;
	const gateways = gatewayNodes(broker);
	// With a single gateway there is nothing to look up, and nothing to wait for.
	if (gateways.length <= 1) return dispatch(broker, gateways, wanted, undefined);
	try {
		await outboxOf(broker).add(wanted);
	} catch (error) {
		broker.logger.warn("Pushes were dropped:", error);
	}
}

/** Those of the users who may have a socket: all but those of whom the registry knows that they have none. */
export async function maybeConnected(broker: ServiceBroker, userIds: string[]): Promise<Set<string>> {
	const gateways = gatewayNodes(broker);
	if (gateways.length === 0) return new Set();
	const places = await locate(broker, userIds);
	if (!places || !gateways.every((nodeID) => places.reporting.includes(nodeID))) return new Set(userIds);
	return new Set(userIds.filter((userId) => places.nodes[userId]?.length));
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

function dispatch(broker: ServiceBroker, gateways: string[], pushes: Push[], places: Places | undefined): void {
	for (const nodeID of gateways) {
		const here = places?.reporting.includes(nodeID) ? pushesFor(nodeID, pushes, places.nodes) : pushes;
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

/** One enormous call would hold up all others on its way. A few pushes go as they are: the bus takes any length. */
function inCalls(pushes: Push[]): Push[][] {
	return pushes.length <= unmeasuredPushes ? inOneCall(pushes) : chunksBySize(pushes, jsonLength, chunkCharacters);
}

type Places = Result<"presence.locate">;

async function locate(broker: ServiceBroker, userIds: string[]): Promise<Places | undefined> {
	if (performance.now() < (locateAtMs.get(broker) ?? 0)) return undefined;
	try {
		return await callsOf(broker).call("presence.locate", { userIds }, { timeout: locateTimeoutMs, retries: 0 });
	} catch (error) {
		broker.logger.debug("The registry does not answer:", error);
		locateAtMs.set(broker, performance.now() + locateRetryMs);
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
