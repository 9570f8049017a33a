import { z } from "zod";
import { type ErrorCode, errorCodes } from "../../lib/error-catalogue.ts";
import { exampleIds } from "../../lib/example-ids.ts";
import { Id, PlatformId, Seq, Time } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";
import { Conversation, conversations } from "../conversations/conversations.contract.ts";
import { Message, messages } from "../messages/messages.contract.ts";

const Receipt = z.object({ conversationId: z.guid(), userId: PlatformId, seq: Seq, at: Time });

const PresenceChange = z.object({ userId: PlatformId, lastSeenAt: Time.nullable() });

/** The payloads of the events that the server emits to sockets. Descriptions say which sockets get them. */
export const serverEvents = {
	message_sent: z.object({ message: Message }).meta({
		description: "The caller's message is stored. To all sockets of the sender. A repeated send may be announced again.",
	}),
	message_received: z.object({ message: Message }).meta({
		description:
			"A new message. To all sockets of the other participant. The client acknowledges it with the socket.io callback, without " +
			"arguments; a message that no device acknowledges is sent again.",
	}),
	message_delivered: Receipt.meta({
		description: "A device of `userId` has all messages up to `seq`. To all sockets of the other participant.",
	}),
	message_read: Receipt.meta({ description: "`userId` has read all messages up to `seq`. To all sockets of both participants." }),
	unread_count: z
		.object({
			conversationId: z.guid(),
			count: z.int().meta({ description: "Unread messages in this conversation." }),
			lastSeq: z.int().meta({ description: "The newest seq of the conversation when it was counted." }),
			total: z.int().meta({ description: "Unread messages in all conversations." }),
			totalLastSeq: z.int().meta({ description: "The sum of `lastSeq` over all conversations of the user." }),
		})
		.meta({
			description:
				"How many messages the user has not read. To all sockets of this user. Events may overtake each other: of two, the one with the " +
				"higher `lastSeq` is newer, or at the same `lastSeq` the one with the lower `count`. The same holds for `totalLastSeq` and " +
				"`total`. Clients drop what is older.",
		}),
	conversation_updated: z.object({ conversation: Conversation }).meta({
		description:
			"A conversation was created, archived or reopened, a name or title in it changed, or an image was deleted. To all sockets of its " +
			"participants.",
	}),
	user_online: PresenceChange.meta({ description: "The user is online now. To people who share a conversation with the user." }),
	user_away: PresenceChange.meta({ description: "The user is away now. To people who share a conversation with the user." }),
	user_offline: PresenceChange.meta({
		description:
			"The user is offline, ten seconds after the last socket closed. To people who share a conversation with the user.",
	}),
	user_typing: z.object({ conversationId: z.guid(), userId: PlatformId, typing: z.boolean() }).meta({
		description: "The user began to type, or stopped. To sockets of the other participant that joined the conversation.",
	}),
	notification: z
		.object({
			kind: z.literal("NEW_MESSAGE"),
			conversationId: z.guid(),
			seq: Seq.meta({ description: "The newest message by the other person." }),
			senderId: PlatformId,
			title: z.string().meta({ description: "In the user's language. Plain text." }),
			body: z.string().meta({ description: "In the user's language. Plain text." }),
			count: z.int().positive().meta({ description: "Messages by the other person that the user has not read." }),
		})
		.meta({
			description:
				"There are messages that the user has not read. To all sockets of this user, if the user's settings allow notifications in the " +
				"app, the conversation is not muted and it is not in the user's quiet hours. One for a conversation replaces the one before. It " +
				"is not repeated when it is lost.",
		}),
	notification_cleared: z.object({ conversationId: z.guid() }).meta({
		description:
			"The user has read the conversation, on any device: a notification of it can go. To all sockets of this user. It may come " +
			"although there was no notification.",
	}),
	server_draining: z.object({ reconnectAfterMs: z.int() }).meta({
		description:
			"This gateway is about to stop. To all of its sockets: reconnect after this time, to another gateway if one is known.",
	}),
	error: z
		.object({
			code: z.enum(errorCodes),
			message: z.string().meta({ description: "In English, for developers." }),
			details: z.unknown().optional().meta({ description: "Its shape depends on the code (lib/error-catalogue.ts)." }),
		})
		.meta({
			description: "An event without an acknowledgement failed, or the server closes the socket. To this socket only.",
		}),
};
export type ServerEvents = { [E in keyof typeof serverEvents]: z.infer<(typeof serverEvents)[E]> };

/** An event that clients emit, and how it is acknowledged: `{ok: true, …answer}` or `{ok: false, error}`. */
export interface ClientEventContract {
	description: string;
	payload: z.ZodType;
	answer: z.ZodType<object>;
	/** The codes besides those that any event may be answered with (`anyEventErrors`). */
	errors: readonly ErrorCode[];
	/**
	 * Where the payload is validated, once: by the gateway, by the contract of the action that gets it unchanged, or by the
	 * verification of the token, which answers anything that is not a token with UNAUTHENTICATED.
	 */
	validatedBy: "gateway" | "token verification" | `${string}.${string}`;
	/** The gateway refuses other roles before it looks at the payload. An action that gets the payload checks its own access. */
	role?: "user";
}

/** The codes with which any client event may be answered. UNAUTHENTICATED: the socket has not shown a valid token yet. */
export const anyEventErrors: ErrorCode[] = ["VALIDATION_FAILED", "UNAUTHENTICATED", "RATE_LIMITED", "UNAVAILABLE", "INTERNAL"];

const Nothing = z.object({});
const ConversationRef = z.object({ conversationId: Id }).meta({ examples: [{ conversationId: exampleIds.conversation }] });
const typing = {
	payload: ConversationRef,
	answer: Nothing,
	errors: ["FORBIDDEN", "NOT_FOUND"],
	validatedBy: "gateway",
	role: "user",
} satisfies Omit<ClientEventContract, "description">;

/** The events that clients emit. The queries of `call` are in the contracts of their actions (`isSocketQuery`). */
export const clientEvents = {
	authenticate: {
		description:
			"Authenticates the socket by a token. A socket that connected without one must do this within 5 s. Any socket may renew its " +
			"token this way.",
		payload: z
			.object({ token: z.string().meta({ description: "A JSON Web Token of the same user as before." }) })
			.meta({ examples: [{ token: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLWFsaWNlIn0.c2lnbmF0dXJl" }] }),
		answer: z.object({
			userId: PlatformId,
			expiresAt: Time.meta({ description: "The socket is closed then, unless it shows a newer token." }),
		}),
		errors: ["TOKEN_EXPIRED", "FORBIDDEN"],
		validatedBy: "token verification",
	},
	join_conversation: {
		description:
			"Subscribes this socket to `user_typing` of the conversation. If somebody is typing already, it gets that event at once.",
		payload: conversations.actions.get.params,
		answer: Nothing,
		errors: ["FORBIDDEN", "NOT_FOUND"],
		validatedBy: "conversations.get",
	},
	leave_conversation: {
		description: "Ends this socket's subscription to `user_typing` of the conversation. Its own typing ends too.",
		payload: conversations.actions.get.params,
		answer: Nothing,
		errors: ["FORBIDDEN", "NOT_FOUND"],
		validatedBy: "conversations.get",
	},
	send_message: {
		description: messages.actions.send.description,
		payload: messages.actions.send.params,
		answer: z.object({ message: Message }),
		errors: ["FORBIDDEN", "NOT_FOUND", ...messages.actions.send.errors],
		validatedBy: "messages.send",
	},
	mark_read: {
		description: messages.actions.markRead.description,
		payload: messages.actions.markRead.params,
		answer: messages.actions.markRead.result.omit({ conversationId: true }),
		errors: ["FORBIDDEN", "NOT_FOUND"],
		validatedBy: "messages.markRead",
	},
	typing_start: {
		description: "The user types. It lasts 3 s unless it is renewed, and ends with a message.",
		...typing,
	},
	typing_stop: { description: "The user has stopped typing.", ...typing },
	set_presence: {
		description: "Whether this device is in use. A new socket counts as online.",
		payload: z.object({ status: z.enum(["online", "away"]) }).meta({ examples: [{ status: "away" }] }),
		answer: Nothing,
		errors: ["FORBIDDEN"],
		validatedBy: "gateway",
		role: "user",
	},
	sync: {
		description: conversations.actions.sync.description,
		payload: conversations.actions.sync.params,
		answer: conversations.actions.sync.result,
		errors: ["FORBIDDEN"],
		validatedBy: "conversations.sync",
	},
} satisfies Record<string, ClientEventContract>;

export type ClientEventName = keyof typeof clientEvents;
export const clientEventNames = Object.keys(clientEvents) as ClientEventName[];

/** The payload of each client event, and its answer without `ok`. */
export type ClientEvents = {
	[E in ClientEventName]: {
		payload: z.input<(typeof clientEvents)[E]["payload"]>;
		answer: z.output<(typeof clientEvents)[E]["answer"]>;
	};
};

/** One payload, and the event name under which each person's sockets get it. Made by `push` of services/push.ts. */
export interface Push {
	payload: unknown;
	to: { userId: string; event: string }[];
	/** Only for sockets that joined this conversation. */
	joined?: string;
}

/** Pushes come from our own services, thousands a second, so their items are not checked. The cast names what they are. */
const Pushes = z.unknown().refine(Array.isArray).meta({ type: "array" }) as z.ZodType<Push[], Push[]>;

export const gateway = {
	actions: {
		deliver: {
			description: "Sends payloads to the sockets of the named people on this node.",
			access: "internal",
			params: z.object({ pushes: Pushes }),
			result: z.null(),
		},
		activity: {
			description:
				"When each of these users last did something on a socket of this node, which the caller names. That is any event except " +
				"`authenticate`, `sync`, acknowledgements and `set_presence` with `away`: apps send those by themselves. Users who have done " +
				"nothing on their sockets are left out.",
			access: "internal",
			params: z.object({ userIds: z.array(PlatformId).max(1_000) }),
			result: z.object({ activity: z.record(z.string(), Time) }),
		},
	},
	events: {},
} satisfies ServiceContract;
