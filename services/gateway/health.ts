import type { ServiceBroker } from "moleculer";
import { callsOf } from "../contracts.ts";

/** How long a service may take to answer before it counts as away. */
const timeoutMs = 2_000;

/** How long an answer is given again: no number of questions makes more checks than one a second. */
const rememberMs = 1_000;

/** What the gateway cannot reach, by the names of services. */
export interface Health {
	/** What it needs; each of these services answers only when its database does. */
	missing: string[];
	/** What people do without while they write to each other: it must not take the gateway out of service. */
	degraded: string[];
}

/** The answer to everybody who asks how this gateway is: one check at a time, and one a second. */
export class HealthCheck {
	readonly #broker: ServiceBroker;
	#health: Promise<Health> | undefined;
	#forgetAtMs = 0;

	constructor(broker: ServiceBroker) {
		this.#broker = broker;
	}

	ask(): Promise<Health> {
		if (!this.#health || performance.now() >= this.#forgetAtMs) {
			this.#forgetAtMs = Number.POSITIVE_INFINITY;
			this.#health = check(this.#broker).finally(() => {
				this.#forgetAtMs = performance.now() + rememberMs;
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
