import type { Middleware } from "moleculer";
import { type Config, serviceNames } from "./config.ts";

/** The settings that a node runs with: by then there is a database. */
export interface NodeConfig extends Config {
	databaseUrl: string;
}

declare module "moleculer" {
	interface ServiceBroker {
		/** Kept off `broker.options`, which `$node.options` and the REPL show: there are secrets in it. */
		readonly config: NodeConfig;
	}
}

/** Gives every service `this.broker.config`. */
export function withConfig(config: NodeConfig): Middleware {
	return {
		name: "config",
		created(broker) {
			Object.defineProperty(broker, "config", { value: config });
		},
	};
}

/** What a node runs, what it needs from other nodes, and how it reaches them: one line for the log. */
export function describeNode({ services, natsUrl, redisUrl }: NodeConfig): string {
	const absent = serviceNames.filter((name) => !services.includes(name));
	const needs = absent.length === 0 ? "everything" : `${services.join(", ")}; needs ${absent.join(", ")} from other nodes`;
	const bus = natsUrl ? "over NATS" : absent.length === 0 ? "alone" : "but NATS_URL is not set, so there are no other nodes";
	return `This node runs ${needs}, ${bus}, with Redis ${redisUrl ? "as a server" : "in this process"}.`;
}
