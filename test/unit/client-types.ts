import type { z } from "zod";
import type * as client from "../../client/types.ts";
import type { ErrorCode, ErrorDetails, RejectionReason } from "../../lib/error-catalogue.ts";
import type { ActionInput, ActionName, Result } from "../../services/contracts.ts";
import type { Conversation, ConversationStatus } from "../../services/conversations/conversations.contract.ts";
import type { ClientEvents, ServerEvents } from "../../services/gateway/gateway.contract.ts";
import type { Image } from "../../services/media/media.contract.ts";
import type { Message } from "../../services/messages/messages.contract.ts";
import type { Presence } from "../../services/presence/presence.contract.ts";

/**
 * The client has its own types, since it imports nothing of the server. `tsc` fails here when they differ from the contracts in any
 * field, either way. Nothing here is run.
 */
export const answers: [
	Same<client.Message, Message>,
	Same<client.Image, Image>,
	Same<client.Upload, Result<"media.requestUpload">>,
	Same<client.ConversationStatus, z.infer<typeof ConversationStatus>>,
	Same<client.Conversation, Conversation>,
	Same<client.ConversationMetadata, Result<"conversations.metadata">>,
	Same<client.Page<client.Conversation>, Result<"conversations.list">>,
	Same<client.MessagePage, Result<"messages.list">>,
	Same<client.ReadState, Result<"messages.markRead">>,
	Same<client.Presence, Presence>,
	Same<client.SyncAnswer, Result<"conversations.sync">>,
	Same<client.ErrorCode, ErrorCode>,
	Same<client.ErrorDetails, ErrorDetails>,
	Same<client.RejectionReason, RejectionReason>,
] = [true, true, true, true, true, true, true, true, true, true, true, true, true, true];

export const events: [
	Same<client.ServerEvents, ServerEvents>,
	Same<AnswersOf<client.ClientEvents>, AnswersOf<ClientEvents>>,
	Same<PayloadsOf<client.ClientEvents>, PayloadsOf<ClientEvents>>,
] = [true, true, true];

/** `conversationId` and `id` are in the path. */
export const requests: [
	Same<Given<client.Draft & { clientId: string }>, Body<"messages.send", "conversationId">>,
	Same<Given<client.NewUser>, Body<"users.put", "id">>,
	Same<Given<client.NewApplication>, Body<"applications.put", "id">>,
] = [true, true, true];

/** What the comparison itself must find. */
export const differences: [
	Same<{ a: string }, { a: string; b: number }>,
	Same<{ a: string; b?: number }, { a: string }>,
	Same<{ a: string }, { a?: string }>,
	Same<{ a: string | null }, { a: string }>,
	Same<{ a: { b: "x" | "y" }[] }, { a: { b: string }[] }>,
	Same<{ a: unknown }, { a: string }>,
	Same<{ a: object }, { a: { b: string } }>,
	Same<Record<string, string | null>, Record<string, string>>,
] = [false, false, false, false, false, false, false, false];

type Body<N extends ActionName, Path extends string> = Given<Omit<ActionInput<N>, Path>>;
type AnswersOf<Map extends Record<keyof Map, { answer: unknown }>> = { [E in keyof Map]: Map[E]["answer"] };
type PayloadsOf<Map extends Record<keyof Map, { payload: unknown }>> = { [E in keyof Map]: Given<Map[E]["payload"]> };

type Same<One, Other> = Identical<Plain<One>, Plain<Other>>;

type Identical<One, Other> = (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false;

/** A type as one object instead of an intersection. A field that may be left out is never undefined in JSON. */
type Plain<T> = unknown extends T
	? T
	: T extends readonly (infer Item)[]
		? Plain<Item>[]
		: T extends object
			? IsEmpty<T> extends true
				? "an object without known fields"
				: { [K in keyof T]: Plain<Exclude<T[K], undefined>> }
			: T;

/** `object`, `{}`, and zod's `Record<string, never>`. */
type IsEmpty<T> = [T[keyof T]] extends [never] ? true : false;

/**
 * What a client gives. It leaves a field out where the server would take null as well, and writes a number as a number where the
 * server would take the digits of a query string as well.
 */
type Given<T> = T extends object ? { [K in keyof T]: GivenField<T[K]> } : T;
type GivenField<T> = [T] extends [number | string | null | undefined]
	? [number] extends [T]
		? number
		: Exclude<T, null | undefined>
	: T;
