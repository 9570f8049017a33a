import type { ServiceBroker } from "moleculer";
import { callsOf } from "../contracts.ts";

/** A service without an answer within this time counts as unavailable. */
const timeoutMs = 2_000;

/** How long a result is reused, so that there is at most one check a second. */
const cacheMs = 1_000;

/** The names of the services that the gateway cannot reach. */
export interface Health {
	/** Services that the gateway needs. Each of them answers only if its database does. */
	missing: string[];
	/** Services that messaging works without. They must not take the gateway out of service. */
	degraded: string[];
}

/** Checks whether the gateway can reach its services; one check at a time, and at most one a second. */
export class HealthCheck {
	readonly #broker: ServiceBroker;
	#health: Promise<Health> | undefined;
	#expiresAtMs = 0;

	constructor(broker: ServiceBroker) {
		this.#broker = broker;
	}

	ask(): Promise<Health> {
		if (!this.#health || performance.now() >= this.#expiresAtMs) {
			this.#expiresAtMs = Number.POSITIVE_INFINITY;
			this.#health = check(this.#broker).finally(() => {
				this.#expiresAtMs = performance.now() + cacheMs;
			});
		}
		return this.#health;
	}
}

async function check(broker: ServiceBroker): Promise<Health> {
	const calls = callsOf(broker);
	const options = { timeout: timeoutMs };
	const [missing, degraded] = await Promise.all([
		unanswered({
			conversations: calls.call("conversations.health", {}, options),
			directory: calls.call("users.active", { ids: [] }, options),
			messages: calls.call("messages.health", {}, options),
		}),
		unanswered({ media: calls.call("media.health", {}, options) }),
	]);
	return { missing, degraded };
}

async function unanswered(checks: Record<string, Promise<unknown>>): Promise<string[]> {
	const results = await Promise.allSettled(Object.values(checks));
	return Object.keys(checks).filter((_, i) => results[i]?.status === "rejected");
}
