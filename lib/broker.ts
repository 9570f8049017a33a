import type { Middleware } from "moleculer";
import type { Config } from "./config.ts";

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
