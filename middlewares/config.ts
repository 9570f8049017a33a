import type { Middleware } from "moleculer";
import type { NodeConfig } from "../lib/config/config.ts";

declare module "moleculer" {
	interface ServiceBroker {
		/** Not in `broker.options`: `$node.options` and the REPL show those, and the settings contain secrets. */
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
