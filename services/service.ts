import type { Service, ServiceSchema } from "moleculer";
import type { ActionsOf, EventsOf, ServiceContractName } from "./contracts.ts";

/*
 * The one place where our types meet Moleculer. A service is an object: its actions answer calls, its events react to what others
 * emit, and its hooks open and close what it needs. What a newcomer must know of Moleculer:
 *
 * - `this`. Moleculer makes a `Service` from the definition and calls every handler, method and hook with `this` being that
 *   service. So handlers are written as methods, not as arrow functions. A service file declares `interface This extends Service`
 *   with what it keeps there: `this.db`, `this.mailbox`. `this.broker` calls other services, `this.logger` logs.
 * - Hooks, in their order: `merged` (the mixins are merged in), `created` (the service exists), `started`, `stopped`. A mixin has
 *   the same hooks; its `started` runs before the service's own, its `stopped` after it.
 * - Clones. Moleculer deep-clones the definition for each broker. A clone of plain data or of a function works; a clone of a live
 *   object (a pool, a client, a zod schema) is broken, often without an error: a cloned zod schema accepts anything. So live
 *   objects are made in `created` or `started` and kept on `this`, and schemas are looked up by the action's name
 *   (middlewares/validate).
 */

/** The definition of a service. A misspelt action, event, method or hook does not compile. */
export interface ServiceDefinition<Name extends ServiceContractName, This extends Service> {
	/** What several services share, such as the connection to the database. Moleculer's types say little about mixins. */
	mixins?: object[];
	/** Settings of Moleculer's own mixins: moleculer-web, moleculer-io. */
	settings?: object;
	/** A handler for each action of the contract. */
	actions: ActionsOf<Name, This>;
	/** Actions of the mixins that this service does not offer. */
	withoutActions?: readonly string[];
	/** Handlers of other services' events, by the name of the event. */
	events?: EventsOf<This> & FrameworkEvents<This>;
	/** Methods of a mixin that this service replaces, and methods that a mixin calls. Other functions need not be methods. */
	methods?: Methods<This>;
	/** Called before the service exists. It may change the schema. */
	merged?(schema: ServiceSchema): void;
	/** Synchronous, before any service starts. `this.broker.config` is there; nothing is connected. */
	created?(this: This): void;
	/** The node offers the actions when this has resolved. */
	started?(this: This): Promise<void>;
	/** When this has resolved, nothing of the service may run any more. Also called when `started` failed. */
	stopped?(this: This): Promise<void>;
}

/** Events that Moleculer itself emits. */
interface FrameworkEvents<This> {
	/** This node is connected to the bus, for the first time or again. Events of the time in between are lost. */
	"$transporter.connected"?: { handler(this: This): Promise<void> };
	/** A node left the registry: it stopped, or (`unexpected`) it sent no heartbeat for too long. */
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

/** Makes Moleculer's schema of a service. The one cast: Moleculer's type of a schema knows nothing of contracts. */
export function defineService<Name extends ServiceContractName, This extends Service>(
	name: Name,
	{ withoutActions = [], actions, ...definition }: ServiceDefinition<Name, This>,
): ServiceSchema {
	const hidden = Object.fromEntries(withoutActions.map((action) => [action, false]));
	return { name, ...definition, actions: { ...actions, ...hidden } } as unknown as ServiceSchema;
}
