import type { ServiceBroker } from "moleculer";
import { callsOf } from "../../lib/contracts.ts";

const patienceMs = 2_000;

/** The names of what the gateway needs and cannot reach; each of these services answers only when its database does. */
export async function isReady(broker: ServiceBroker): Promise<string[]> {
	const calls = callsOf(broker);
	const options = { timeout: patienceMs };
	return unanswered({
		conversations: calls.call("conversations.health", {}, options),
		directory: calls.call("users.active", { ids: [] }, options),
		messages: calls.call("messages.health", {}, options),
	});
}

/** The names of what is away without keeping people from writing to each other: it must not take the gateway out of service. */
export async function isDegraded(broker: ServiceBroker): Promise<string[]> {
	return unanswered({ media: callsOf(broker).call("media.health", {}, { timeout: patienceMs }) });
}

async function unanswered(checks: Record<string, Promise<unknown>>): Promise<string[]> {
	const results = await Promise.allSettled(Object.values(checks));
	return Object.keys(checks).filter((_, i) => results[i]?.status === "rejected");
}
