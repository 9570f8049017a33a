import type { Middleware } from "moleculer";

/**
 * Tells the other nodes what this node offers as soon as its services have started. Moleculer by itself waits for a second
 * (`serviceChangedDebounceTime`). A gateway accepts clients before that, and would miss what is pushed to them meanwhile.
 */
export const announce: Middleware = {
	name: "announce",
	async started(broker) {
		if (broker.transit) await broker.registry.discoverer.sendLocalNodeInfo();
	},
};
