import type { Service, ServiceSchema } from "moleculer";
import type { ActionsOf, EventsOf, ServiceContractName } from "./contracts.ts";

/**
 * What a service is made of, with everything typed that Moleculer's own types leave open: a misspelt action, event, method or hook
 * does not compile. Handlers are called with `this` being the service: Moleculer binds them.
 *
 * Moleculer deep-clones what is written here, once for every broker. So only plain data and functions belong here. Whatever is alive
 * (a pool, a client, a schema of zod) would be cloned into something broken; it is made in `created` or `started` and kept on `this`.
 */
export interface ServiceDefinition<Name extends ServiceContractName, This extends Service> {
	/** Typed by Moleculer, loosely. */
	mixins?: object[];
	settings?: object;
	actions: ActionsOf<Name, This>;
	/** Actions of the mixins that this service does not offer. */
	withoutActions?: readonly string[];
	events?: EventsOf<This> & FrameworkEvents<This>;
	/** What mixins call, or replace of them, by name. Other functions need not be methods. */
	methods?: Methods<This>;
	/** Called once the mixins are merged in, before the service exists. */
	merged?(schema: ServiceSchema): void;
	/** Synchronous, before any service starts: `this.broker.config` is there, nothing is connected. */
	created?(this: This): void;
	/** In order: mixins first. The node offers the actions when it resolves. */
	started?(this: This): Promise<void>;
	/** When it has resolved, nothing of the service may run any more. Also called when `started` failed. */
	stopped?(this: This): Promise<void>;
}

/** Moleculer's own events, of which services hear. */
interface FrameworkEvents<This> {
	/** This node has the bus, or has it again: what was said meanwhile was lost. */
	"$transporter.connected"?: { handler(this: This): Promise<void> };
	/** A node left the registry: told to end, or (`unexpected`) not heard of for too long. */
	"$node.disconnected"?: { handler(this: This, ctx: { params: NodeDisconnected }): Promise<void> };
}

interface NodeDisconnected {
	node: { id: string };
	unexpected: boolean;
}

type Methods<This> = {
	[M in Exclude<keyof This, keyof Service>]?: This[M] extends (...args: infer Args) => infer Result
		? (this: This, ...args: Args) => Result
		: never;
};

/** Where the types of a service meet the framework. The one cast: Moleculer's schema knows nothing of contracts. */
export function defineService<Name extends ServiceContractName, This extends Service>(
	name: Name,
	{ withoutActions = [], actions, ...definition }: ServiceDefinition<Name, This>,
): ServiceSchema {
	const hidden = Object.fromEntries(withoutActions.map((action) => [action, false]));
	return { name, ...definition, actions: { ...actions, ...hidden } } as unknown as ServiceSchema;
}
