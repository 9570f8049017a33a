import type { NodeConfig } from "./config.ts";
import { serviceNames } from "./service-names.ts";

/** One line for the log: what a node runs, what it needs from other nodes, and how it reaches them. */
export function describeNode({ services, natsUrl, redisUrl }: NodeConfig): string {
	const absent = serviceNames.filter((name) => !services.includes(name));
	const needs = absent.length === 0 ? "everything" : `${services.join(", ")}; needs ${absent.join(", ")} from other nodes`;
	const bus = natsUrl ? "over NATS" : absent.length === 0 ? "alone" : "but NATS_URL is not set, so there are no other nodes";
	return `This node runs ${needs}, ${bus}, with Redis ${redisUrl ? "as a server" : "in this process"}.`;
}
