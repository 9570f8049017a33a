import { z } from "zod";
import { Id, InputTime, Limit, Page, PlatformId, Text, Time } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";
import { Message } from "../messages/messages.contract.ts";

export const ConversationStatus = z.enum(["ACTIVE", "ARCHIVED", "AUTO_ARCHIVED"]);

/** A conversation as one of its two participants sees it. */
export const Conversation = z.object({
	id: z.guid(),
	jobApplicationId: PlatformId,
	jobTitle: z.string(),
	/** The applicant first, then the employer. Cursors say up to which seq each has read, and has on a device. */
	participants: z.array(z.object({ userId: PlatformId, name: z.string(), readSeq: z.int(), deliveredSeq: z.int() })),
	status: ConversationStatus,
	/** The seq of the newest message; 0 while there is none. */
	lastSeq: z.int(),
	lastMessage: Message.nullable(),
	lastMessageAt: Time.nullable(),
	/** Messages by others above my read cursor. */
	unreadCount: z.int(),
	/** No notifications until then. */
	mutedUntil: Time.nullable(),
	archivedAt: Time.nullable(),
	archivedBy: PlatformId.nullable(),
	createdAt: Time,
	updatedAt: Time,
});
export type Conversation = z.infer<typeof Conversation>;

const One = z.object({ conversationId: Id });

export const conversations = {
	actions: {
		/** Opens the conversation of an application, or answers with the one that is there. APPLICATION_REQUIRED, NOT_FOUND. */
		create: {
			access: { role: "user" },
			rateLimit: "conversations",
			routes: ["POST /conversations"],
			statuses: [201, 200],
			params: z.object({ jobApplicationId: PlatformId }),
			result: Conversation,
		},
		/**
		 * Newest message first; shorter than `limit` where last messages are large. `ARCHIVED` lists both kinds of archived. `q`: words
		 * of the other person's name or the job's title.
		 */
		list: {
			access: { role: "user" },
			rateLimit: "queries",
			routes: ["GET /conversations"],
			isSocketQuery: true,
			params: z.object({
				status: ConversationStatus.or(z.literal("ALL")).default("ACTIVE"),
				q: Text.pipe(z.string().trim().min(1, "must not be empty").max(200)).optional(),
				limit: Limit(20, 100),
				cursor: Text.max(200).optional(),
			}),
			result: Page(Conversation),
		},
		get: {
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "queries",
			routes: ["GET /conversations/:conversationId"],
			isSocketQuery: true,
			params: One,
			result: Conversation,
		},
		metadata: {
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "queries",
			routes: ["GET /conversations/:conversationId/metadata"],
			isSocketQuery: true,
			params: One,
			result: z.object({
				conversationId: z.guid(),
				messageCount: z.int(),
				firstMessageAt: Time.nullable(),
				lastMessageAt: Time.nullable(),
				participants: z.array(
					z.object({ userId: PlatformId, lastSeenAt: Time.nullable(), readSeq: z.int(), deliveredSeq: z.int() }),
				),
			}),
		},
		/**
		 * What is new or changed for the caller since a cursor that `sync` gave. Without one, or with `reset` when it cannot be
		 * answered or the answer would be too large: the 50 most recent conversations, fewer if they are large; the client
		 * starts afresh.
		 */
		sync: {
			access: { role: "user" },
			rateLimit: "queries",
			routes: ["GET /sync"],
			params: z.object({ since: Text.max(200).optional() }),
			result: z.object({
				conversations: z.array(Conversation.extend({ messages: z.array(Message), hasMore: z.boolean() })),
				nextSince: z.string(),
				reset: z.boolean(),
			}),
		},
		archive: {
			access: { role: "user", conversation: "conversationId" },
			routes: ["PATCH /conversations/:conversationId/archive"],
			params: One,
			result: Conversation,
		},
		reopen: {
			access: { role: "user", conversation: "conversationId" },
			routes: ["PATCH /conversations/:conversationId/reopen"],
			params: One,
			result: Conversation,
		},
		mute: {
			access: { role: "user", conversation: "conversationId" },
			routes: ["PUT /conversations/:conversationId/mute"],
			params: One.extend({ until: InputTime.nullable() }),
			result: Conversation,
		},
		/** Of one conversation, or of all of the caller's. */
		unreadCount: {
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "queries",
			routes: ["GET /conversations/unread-count/count", "GET /conversations/:conversationId/unread-count"],
			isSocketQuery: true,
			params: One.partial(),
			result: z.object({ count: z.int() }),
		},
		/** Who takes part; never changes. NOT_FOUND. */
		participants: { access: "internal", params: One, result: z.object({ userIds: z.array(PlatformId) }) },
		/** Whether two people take part in the same conversation. */
		share: {
			access: "internal",
			params: z.object({ userId: PlatformId, partnerId: PlatformId }),
			result: z.object({ shared: z.boolean() }),
		},
		/**
		 * With whom each of these users shares a conversation. When they are so many that the answer would be too large, it leaves out
		 * whole users: those of `rest` are to be asked for again.
		 */
		partners: {
			access: "internal",
			params: z.object({ userIds: z.array(PlatformId).max(1_000) }),
			result: z.object({ partners: z.record(z.string(), z.array(PlatformId)), rest: z.array(PlatformId) }),
		},
		/** Answers when the database does. */
		health: { access: "internal", params: z.object({}), result: z.null() },
	},
	events: {
		/** Emitted after the commit. */
		"conversation.created": z.object({ conversationId: z.guid(), userIds: z.array(PlatformId) }),
	},
} satisfies ServiceContract;
