import type { MetricRegistry } from "moleculer";
import type { Lag } from "./lag.ts";

const gauges = [
	{ name: "parley.tail.lag.rows", unit: "row", description: "Rows that the consumer has not worked yet, counted up to 10,000" },
	{ name: "parley.tail.lag.seconds", unit: "second", description: "Age of the oldest row that the consumer has not worked yet" },
] as const;

/** Sets the gauges of a consumer. Where the broker's metrics are off, it does nothing. */
export function setLagGauges(metrics: MetricRegistry, consumer: string, { rows, seconds }: Lag): void {
	for (const gauge of gauges) {
		if (!metrics.hasMetric(gauge.name)) metrics.register({ type: "gauge", labelNames: ["consumer"], ...gauge });
		metrics.set(gauge.name, gauge.name === "parley.tail.lag.rows" ? rows : seconds, { consumer });
	}
}
