import type { MetricRegistry } from "moleculer";
import type { Outcome } from "./channels/channel.ts";
import type { ChannelName } from "./deliveries/notifications.ts";

const counted = {
	accepted: ["parley.notifier.sent", "Notifications that a provider accepted"],
	failed: ["parley.notifier.failed", "Attempts that failed and are repeated"],
	dead: ["parley.notifier.dead", "Notifications that a provider refused for good, without those that were given up after a day"],
	deferred: [
		"parley.notifier.deferred",
		"Notifications that were put off directly before they were sent, because quiet hours had begun",
	],
} as const;

const timeToTell = "parley.notifier.time";

/** What the notifier counts, by channel, in the broker's metrics. Where these are off, it does nothing. */
export class Counters {
	readonly #metrics: MetricRegistry;

	constructor(metrics: MetricRegistry) {
		this.#metrics = metrics;
		if (!metrics.isEnabled()) return;
		for (const [name, description] of Object.values(counted))
			metrics.register({ type: "counter", name, description, labelNames: ["channel"] });
		metrics.register({
			...{ type: "histogram", name: timeToTell, unit: "second", labelNames: ["channel"], quantiles: true },
			description: "Time from the first message of a notification until a provider accepted it",
		});
	}

	attempted(channel: ChannelName, { kind }: Outcome, sinceMessageMs: number): void {
		this.#count(kind === "accepted" || kind === "failed" ? kind : "dead", channel);
		if (kind === "accepted" && this.#metrics.isEnabled()) this.#metrics.observe(timeToTell, sinceMessageMs / 1_000, { channel });
	}

	deferred(channel: ChannelName): void {
		this.#count("deferred", channel);
	}

	#count(what: keyof typeof counted, channel: ChannelName): void {
		if (this.#metrics.isEnabled()) this.#metrics.increment(counted[what][0], { channel });
	}
}
