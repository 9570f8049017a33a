import { z } from "zod";
import { pageBytes } from "../../lib/byte-budget.ts";
import { ClientId, Id, Limit, Page, PlatformId, Seq, Text, Time, Whole, Xid } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";
import { Image } from "../media/media.contract.ts";
import { codePoints, plainText } from "./content.ts";

/** Longest message, in Unicode code points after trimming. */
export const maxContentLength = 5000;

const maxMetadataBytes = 2048;

/** What JSON can say and PostgreSQL gives back as it was: there, -0 is 0. */
const MetadataValue = z.union([Text, z.number().transform((value) => value + 0), z.boolean(), z.null()]);

/** A flat object of the client's own: strings, numbers, booleans, null. A name that JavaScript takes for a prototype would be lost. */
const Metadata = z
	.unknown()
	.refine((metadata) => !Object.hasOwn(Object(metadata), "__proto__"), "must not have the name __proto__")
	.pipe(z.record(Text.max(128), MetadataValue))
	.refine(
		(metadata) => Buffer.byteLength(JSON.stringify(metadata)) <= maxMetadataBytes,
		`must be at most ${maxMetadataBytes} bytes of JSON`,
	);

/** What a person typed, as it will be stored: plain text without HTML tags. */
const Content = Text.transform((typed) => typed.trim())
	.refine((typed) => codePoints(typed) <= maxContentLength, `must be at most ${maxContentLength} characters`)
	.transform(plainText);

/** A refinement that zod makes also where a field is wrong by itself: whoever errs is told of everything at once. */
const besideOthers = { when: ({ value }: { value: unknown }) => typeof value === "object" && value !== null };

/** A text, or an image with a caption or without. */
const Draft = z
	.object({
		conversationId: Id,
		clientId: ClientId,
		type: z.enum(["TEXT", "IMAGE"]).default("TEXT"),
		/** Of an image, the caption, which may be empty or left out. */
		content: Content.nullish().transform((content) => content || null),
		/** One that its sender uploaded for this conversation, confirmed, and in no other message. */
		imageId: Id.nullish().transform((imageId) => imageId ?? null),
		replyToSeq: Seq.nullable().default(null),
		metadata: Metadata.default({}),
	})
	.refine(({ type, content }) => type !== "TEXT" || content !== null, {
		...besideOthers,
		path: ["content"],
		message: "must not be empty",
	})
	.refine(({ type, imageId }) => (type === "IMAGE") === (imageId !== null), {
		...besideOthers,
		path: ["imageId"],
		message: "is for messages of type IMAGE, which need it",
	});

export const Message = z.object({
	id: z.guid(),
	conversationId: z.guid(),
	seq: Seq,
	clientId: z.guid(),
	senderId: PlatformId,
	type: z.enum(["TEXT", "IMAGE", "SYSTEM"]),
	content: z.string().nullable(),
	/** `content` escaped, with links and line breaks: safe to put into a page. */
	contentHtml: z.string().nullable(),
	/** Null also when it is gone: deleted by its uploader, or after its time. */
	image: Image.nullable(),
	/** The message that this one answers. */
	replyToSeq: Seq.nullable(),
	metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
	createdAt: Time,
	/** When the other participant's device first had it. */
	deliveredAt: Time.nullable(),
	/** When the other participant first read up to it. */
	readAt: Time.nullable(),
});
export type Message = z.infer<typeof Message>;

/** A message that was found, with where in its `content` (code points, `end` exclusive) and a line of it to show. */
const Found = z.object({
	message: Message,
	highlights: z.array(z.object({ start: z.int(), end: z.int() })),
	snippet: z.string(),
});

/** Up to which seq one participant of a conversation has it on a device. */
const DeliveredCursor = z.object({ conversationId: z.guid(), deliveredSeq: z.int() });

/** A place in a conversation. */
const Position = z.object({ conversationId: z.guid(), seq: Seq });

export const messages = {
	actions: {
		/**
		 * Stores a message once, however often it is sent with the same clientId, and answers with the stored one.
		 * CLIENT_ID_REUSED when the clientId came with other content before; CONVERSATION_ARCHIVED; IMAGE_NOT_READY; UNAVAILABLE
		 * when too many wait.
		 */
		send: {
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "messages",
			routes: ["POST /conversations/:conversationId/messages"],
			statuses: [201, 200],
			params: Draft,
			result: Message,
		},
		/** A page of history: the newest first, or ascending from `after` on; shorter than `limit` where messages are large. */
		list: {
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "queries",
			routes: ["GET /conversations/:conversationId/messages"],
			isSocketQuery: true,
			params: z.object({
				conversationId: Id,
				before: Whole.optional(),
				after: Whole.optional(),
				limit: Limit(50, 100),
			}),
			result: z.object({ items: z.array(Message), hasMore: z.boolean() }),
		},
		/**
		 * The caller's messages that match `q` (docs/search.md has its syntax), in one conversation or in all of theirs. A page may
		 * be short although `nextCursor` says that there is more. VALIDATION_FAILED for a query that is not understood.
		 */
		search: {
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "queries",
			routes: ["GET /conversations/:conversationId/messages/search", "GET /messages/search"],
			isSocketQuery: true,
			params: z.object({
				conversationId: Id.optional(),
				q: Text.pipe(z.string().trim().min(1, "must not be empty").max(500)),
				sort: z.enum(["relevance", "recent"]).default("relevance"),
				limit: Limit(20, 100),
				cursor: Text.max(300).optional(),
			}),
			result: Page(Found),
		},
		/** Everything up to `seq` (default: all) or up to the message `messageId` is read by the caller. Never moves back. */
		markRead: {
			access: { role: "user", conversation: "conversationId", message: "messageId" },
			routes: ["PATCH /conversations/:conversationId/read", "PATCH /messages/:messageId/read"],
			params: z
				.object({ conversationId: Id.optional(), messageId: Id.optional(), seq: Whole.pipe(z.int().min(0)).optional() })
				.refine(({ conversationId, messageId }) => (conversationId === undefined) !== (messageId === undefined), {
					path: ["conversationId"],
					message: "either conversationId or messageId is needed",
				}),
			result: z.object({ conversationId: z.guid(), readSeq: z.int(), unreadCount: z.int() }),
		},
		/** Devices have these messages and all before them. Comes from gateways, which coalesce their sockets' acknowledgements. */
		markDelivered: {
			access: "internal",
			params: z.object({ acks: z.array(Position.extend({ userId: PlatformId })) }),
			result: z.null(),
		},
		/**
		 * The messages at these places, in their order, as many of the first as fit into `maxBytes` of JSON, one at least; places
		 * where there is none are left out.
		 */
		pick: {
			access: "internal",
			params: z.object({ positions: z.array(Position), maxBytes: z.int().positive().default(pageBytes) }),
			result: z.array(Message),
		},
		/** The message with this image, if there is one, has none any more. Comes from `media`, which deletes it. */
		dropImage: { access: "internal", params: z.object({ conversationId: Id, imageId: Id }), result: z.null() },
		/** Which of these images are in a message, gone or not, and in which by its clientId. */
		imageUses: {
			access: "internal",
			params: z.object({ images: z.array(z.object({ conversationId: Id, imageId: Id })) }),
			result: z.array(z.object({ imageId: z.guid(), clientId: z.guid() })),
		},
		/**
		 * What each conversation has that a reader with this cursor may not have, ascending: the newest messages (at most `limit`,
		 * fewer if all together would have more than `maxBytes`; `hasMore` when there are older ones) and older ones that changed.
		 * Not `isComplete` when so many have changed that some are left out: the reader must start afresh.
		 */
		changes: {
			access: "internal",
			params: z.object({
				conversationIds: z.array(z.guid()),
				sinceXid: Xid.nullable(),
				limit: z.int().positive(),
				maxBytes: z.int().positive().default(pageBytes),
			}),
			result: z.object({
				conversations: z.array(z.object({ conversationId: z.guid(), messages: z.array(Message), hasMore: z.boolean() })),
				isComplete: z.boolean(),
			}),
		},
		/**
		 * The conversations in which these users' devices should have had messages for a while and have not acknowledged them: of
		 * each user a few, in the order of the conversations' ids, from the one after `afterId` on.
		 */
		undelivered: {
			access: "internal",
			params: z.object({ users: z.array(z.object({ userId: PlatformId, afterId: z.guid().nullable() })) }),
			result: z.object({ lagging: z.array(DeliveredCursor.extend({ userId: PlatformId })) }),
		},
		/** What others wrote to a user above these delivered cursors: one conversation after the other, in order, as much as a page holds. */
		backlog: {
			access: "internal",
			params: z.object({ userId: PlatformId, cursors: z.array(DeliveredCursor) }),
			result: z.array(Message),
		},
		/** Where a message is. NOT_FOUND. */
		locate: { access: "internal", params: z.object({ messageId: Id }), result: Position },
		/** Answers when the database does. */
		health: { access: "internal", params: z.object({}), result: z.null() },
	},
	events: {
		/** New messages are stored. An announcement that may be lost: who needs to know for sure compares cursors. */
		"message.created": z.object({
			created: z.array(Position.extend({ senderId: PlatformId, recipientId: PlatformId })),
		}),
		/** Somebody's read cursor moved. */
		"conversation.read": z.object({ conversationId: z.guid(), userId: PlatformId, seq: Seq }),
		/** A stored message is not as it was: its image went. */
		"message.changed": Position,
		/** A message into an AUTO_ARCHIVED conversation made it ACTIVE again. */
		"conversation.reopened": z.object({ conversationId: z.guid() }),
	},
} satisfies ServiceContract;
