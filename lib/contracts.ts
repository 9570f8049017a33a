import type { ActionSchema, CallingOptions, Context, ServiceBroker } from "moleculer";
import type { z } from "zod";
import { conversations } from "../services/conversations/conversations.contract.ts";
import { applications, users } from "../services/directory/directory.contract.ts";
import { gateway } from "../services/gateway/gateway.contract.ts";
import { media } from "../services/media/media.contract.ts";
import { messages } from "../services/messages/messages.contract.ts";
import { presence } from "../services/presence/presence.contract.ts";
import type { Access, Meta } from "./access.ts";
import type { ActionContract, Qualified } from "./contract.ts";
import type { RateLimit } from "./rate.ts";

/** Every service's contract, under the name by which it is called. */
export const contracts = { applications, conversations, gateway, media, messages, presence, users };

export type Actions = Qualified<"applications", typeof applications> &
	Qualified<"conversations", typeof conversations> &
	Qualified<"gateway", typeof gateway> &
	Qualified<"media", typeof media> &
	Qualified<"messages", typeof messages> &
	Qualified<"presence", typeof presence> &
	Qualified<"users", typeof users>;
export type Events = (typeof conversations)["events"] &
	(typeof messages)["events"] &
	(typeof users)["events"] &
	(typeof applications)["events"];
export type ActionName = keyof Actions & string;
export type EventName = keyof Events & string;
/** What a caller gives. */
export type ActionInput<N extends ActionName> = z.input<Actions[N]["params"]>;
/** What a handler gets: parsed, with defaults. */
export type Params<N extends ActionName> = z.output<Actions[N]["params"]>;
export type Result<N extends ActionName> = z.output<Actions[N]["result"]>;

/** The contract of `service.action`; undefined for what is not ours, as `$node.list`. */
export function contractOf(action: string): ActionContract | undefined {
	const [service, name] = action.split(".") as [keyof typeof contracts, string];
	return (contracts[service]?.actions as Record<string, ActionContract> | undefined)?.[name];
}

/** Calls and events narrowed to what the contracts allow; a broker and a context both do. */
export interface Calls {
	call<N extends ActionName>(name: N, params: ActionInput<N>, opts?: CallingOptions): Promise<Result<N>>;
	emit<E extends EventName>(name: E, payload: z.input<Events[E]>): Promise<void>;
	broadcast<E extends EventName>(name: E, payload: z.input<Events[E]>): Promise<void>;
}

/** Moleculer's context with typed calls. `ctx.user` of a published action is always there: authorize refused the others. */
export interface Ctx<P = unknown> extends Omit<Context<P, Meta>, "call" | "emit" | "broadcast">, Calls {}

/** The actions that service `S` must have, each handler typed by its contract: `{ … } satisfies ActionsOf<"messages", This>`. */
export type ActionsOf<S extends string, This> = {
	[N in ActionName as N extends `${S}.${infer A}` ? A : never]: Omit<ActionSchema, "handler" | "params" | "visibility"> & {
		access: Access;
		/** In milliseconds, 0 for none; Moleculer knows it, its types do not. Default: the broker's `requestTimeout`. */
		timeout?: number;
		rateLimit?: RateLimit;
		handler(this: This, ctx: Ctx<Params<N>>): Promise<Result<N>>;
	};
};

/** Handlers of events, typed by the contract of who emits them. */
export type EventsOf<Names extends EventName, This> = {
	[E in Names]: { handler(this: This, ctx: Ctx<z.output<Events[E]>>): Promise<void> };
};

/** A broker outside of any request, with typed calls. */
export const callsOf = (broker: ServiceBroker) => broker as unknown as Calls;
