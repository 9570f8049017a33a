import type { ServiceBroker } from "moleculer";
import { callsOf } from "../../lib/contracts.ts";

const patienceMs = 2_000;

/** The names of what the gateway needs and cannot reach; each of these services answers only when its database does. */
export async function isReady(broker: ServiceBroker): Promise<string[]> {
	const calls = callsOf(broker);
	const options = { timeout: patienceMs };
	const checks = {
		conversations: calls.call("conversations.health", {}, options),
		directory: calls.call("users.active", { ids: [] }, options),
		messages: calls.call("messages.health", {}, options),
	};
	const names = Object.keys(checks);
	const results = await Promise.allSettled(Object.values(checks));
	return names.filter((_, i) => results[i]?.status === "rejected");
}
