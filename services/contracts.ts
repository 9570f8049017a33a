import type { ActionSchema, CallingOptions, Context, ServiceBroker } from "moleculer";
import type { z } from "zod";
import type { Meta } from "../lib/access.ts";
import type { ActionContract } from "../lib/service-contract.ts";
import { conversations } from "./conversations/conversations.contract.ts";
import { applications, users } from "./directory/directory.contract.ts";
import { gateway } from "./gateway/gateway.contract.ts";
import { media } from "./media/media.contract.ts";
import { messages } from "./messages/messages.contract.ts";
import { notifier } from "./notifier/notifier.contract.ts";
import { presence } from "./presence/presence.contract.ts";

/**
 * The contract of each service, under the service's name. All types below are derived from it: a new service is one line here.
 */
export const contracts = { applications, conversations, gateway, media, messages, notifier, presence, users };

type Contracts = typeof contracts;
export type ServiceContractName = keyof Contracts & string;
export type ActionName = { [S in ServiceContractName]: `${S}.${keyof Contracts[S]["actions"] & string}` }[ServiceContractName];
type ContractOf<N extends ActionName> = N extends `${infer S extends ServiceContractName}.${infer A}`
	? Contracts[S]["actions"] extends Record<A, infer C extends ActionContract>
		? C
		: never
	: never;
export type Actions = { [N in ActionName]: ContractOf<N> };

type EventsByService = Contracts[ServiceContractName]["events"];
type NamesIn<Map> = Map extends unknown ? keyof Map & string : never;
export type EventName = NamesIn<EventsByService>;
type PayloadIn<Map, E extends string> = Map extends Record<E, infer Payload extends z.ZodType> ? Payload : never;
export type Events = { [E in EventName]: PayloadIn<EventsByService, E> };

/** The params as a caller gives them: before parsing, so fields with a default may be left out. */
export type ActionInput<N extends ActionName> = z.input<Actions[N]["params"]>;
/** The params as a handler gets them: parsed, with defaults. */
export type Params<N extends ActionName> = z.output<Actions[N]["params"]>;
/** What a handler answers with, and a caller gets. */
export type Result<N extends ActionName> = z.output<Actions[N]["result"]>;

/** The contract of `service.action`; undefined for Moleculer's own actions, such as `$node.list`. */
export function contractOf(action: string): ActionContract | undefined {
	const [service, name] = action.split(".") as [keyof typeof contracts, string];
	return (contracts[service]?.actions as Record<string, ActionContract> | undefined)?.[name];
}

/** Calls and events typed by the contracts. Both a broker (`callsOf`) and a context (`Ctx`) have them. */
export interface Calls {
	call<N extends ActionName>(name: N, params: ActionInput<N>, opts?: CallingOptions): Promise<Result<N>>;
	emit<E extends EventName>(name: E, payload: z.input<Events[E]>): Promise<void>;
	broadcast<E extends EventName>(name: E, payload: z.input<Events[E]>): Promise<void>;
}

/**
 * Moleculer's context of a call, with typed params and calls. `callerOf(ctx)` is the user who calls a public action
 * (`ctx.meta.user`).
 */
export interface Ctx<P = unknown> extends Omit<Context<P, Meta>, "call" | "emit" | "broadcast">, Calls {}

/**
 * The actions that service `S` must have: a handler for each, typed by its contract. Access, limits and routes are on the
 * contract.
 */
export type ActionsOf<S extends string, This> = {
	[N in ActionName as N extends `${S}.${infer A}` ? A : never]: Pick<ActionSchema, "strategy" | "strategyOptions"> & {
		/** In milliseconds, 0 for none. Moleculer's types lack it. Default: the broker's `requestTimeout`. */
		timeout?: number;
		handler(this: This, ctx: Ctx<Params<N>>): Promise<Result<N>>;
	};
};

/** Handlers of events, each typed by the contract of the service that emits the event. */
export type EventsOf<This> = {
	[E in EventName]?: { handler(this: This, ctx: Ctx<z.output<Events[E]>>): Promise<void> };
};

/**
 * Typed calls of a broker, for work that belongs to no request. The cast: Moleculer's own types allow any name and any params.
 */
export const callsOf = (broker: ServiceBroker) => broker as unknown as Calls; // Its own `call` takes any name.
