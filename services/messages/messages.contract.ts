import { z } from "zod";
import { pageBytes } from "../../lib/byte-budget.ts";
import { exampleIds } from "../../lib/example-ids.ts";
import { Id, Limit, Page, PlatformId, Query, Seq, Text, Time, Whole, Xid } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";
import { Image } from "../media/media.contract.ts";
import { Draft } from "./draft.contract.ts";

export const Message = z
	.object({
		id: z.guid(),
		conversationId: z.guid(),
		seq: Seq,
		clientId: z.guid().meta({ description: "The UUID that the sender's client made for it." }),
		senderId: PlatformId,
		type: z.enum(["TEXT", "IMAGE", "SYSTEM"]),
		content: z.string().nullable().meta({ description: "Plain text. For an image, its caption." }),
		contentHtml: z
			.string()
			.nullable()
			.meta({ description: "`content` escaped, with links and line breaks as HTML: safe to put into a page." }),
		image: Image.nullable().meta({
			description: "For type IMAGE. Null when the image was deleted, by its uploader or automatically.",
		}),
		replyToSeq: Seq.nullable().meta({ description: "The position of the message that this one answers." }),
		metadata: z
			.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
			.meta({ description: "A flat object of the app's own." }),
		createdAt: Time,
		deliveredAt: Time.nullable().meta({ description: "When the other participant's device first had it." }),
		readAt: Time.nullable().meta({ description: "When the other participant first read up to it." }),
	})
	.meta({ description: "A stored message." });
export type Message = z.infer<typeof Message>;

const Found = z.object({
	message: Message,
	highlights: z.array(z.object({ start: z.int(), end: z.int() })).meta({
		description: "What matched in `content`, in Unicode code points; `end` is exclusive.",
	}),
	snippet: z.string().meta({ description: "A line of the content to show." }),
});

const conversationId = exampleIds.conversation;

/** Up to which seq a participant's devices have received a conversation. */
const DeliveredCursor = z.object({ conversationId: z.guid(), deliveredSeq: z.int() });

/** Where a message is: its conversation and its seq. */
const MessagePosition = z.object({ conversationId: z.guid(), seq: Seq });

export const messages = {
	actions: {
		send: {
			description:
				"Stores a message once, however often it is sent with the same clientId, and answers with the stored one: 201, or 200 when " +
				"it was stored before. Sending into an AUTO_ARCHIVED conversation reopens it.",
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "messages",
			routes: ["POST /conversations/:conversationId/messages"],
			statuses: [201, 200],
			errors: ["CONVERSATION_ARCHIVED", "IMAGE_NOT_READY", "CLIENT_ID_REUSED"],
			params: Draft,
			result: Message,
		},
		list: {
			description:
				"A page of history: the newest first, or ascending from `after` on. A page is shorter than `limit` when messages are large.",
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "queries",
			routes: ["GET /conversations/:conversationId/messages"],
			isSocketQuery: true,
			errors: [],
			params: z
				.object({
					conversationId: Id,
					before: Whole.optional().meta({ description: "Only messages below this seq." }),
					after: Whole.optional().meta({ description: "Only messages above this seq, ascending." }),
					limit: Limit(50, 100),
				})
				.meta({ examples: [{ conversationId, before: 120, limit: 50 }] }),
			result: z.object({
				items: z.array(Message),
				hasMore: z.boolean().meta({ description: "There are more messages in the same direction." }),
			}),
		},
		search: {
			description:
				"The caller's messages that match `q`, in one conversation or in all of theirs. A page may be short although `nextCursor` " +
				"says that there is more.",
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "queries",
			routes: ["GET /conversations/:conversationId/messages/search", "GET /messages/search"],
			isSocketQuery: true,
			errors: [],
			params: z
				.object({
					conversationId: Id.optional().meta({ description: "Default: all conversations of the caller." }),
					q: Query(500).meta({
						description: "The query: 1 to 500 characters after trimming. docs/search.md has its syntax.",
						examples: ['interview from:me "next week"'],
					}),
					sort: z.enum(["relevance", "recent"]).default("relevance"),
					limit: Limit(20, 100),
					cursor: Text.max(600).optional().meta({ description: "`nextCursor` of the page before." }),
				})
				.meta({ examples: [{ q: "interview from:me", sort: "recent" }] }),
			result: Page(Found),
		},
		markRead: {
			description:
				"Marks everything up to `seq` (default: all), or up to the message `messageId`, as read by the caller. The cursor never moves " +
				"back.",
			access: { role: "user", conversation: "conversationId", message: "messageId" },
			routes: ["PATCH /conversations/:conversationId/read", "PATCH /messages/:messageId/read"],
			errors: [],
			params: z
				.object({
					conversationId: Id.optional(),
					messageId: Id.optional(),
					seq: Whole.pipe(z.int().min(0)).optional().meta({ description: "0 or more. Default: the newest message." }),
				})
				.refine(({ conversationId, messageId }) => (conversationId === undefined) !== (messageId === undefined), {
					path: ["conversationId"],
					message: "either conversationId or messageId is needed",
				})
				.meta({
					description: "Either `conversationId`, with or without `seq`, or `messageId`.",
					examples: [{ conversationId, seq: 17 }, { messageId: exampleIds.message }],
				}),
			result: z.object({
				conversationId: z.guid(),
				readSeq: z.int().meta({ description: "The caller has read up to here; 0: nothing yet." }),
				unreadCount: z.int().meta({ description: "Messages by others above `readSeq`." }),
			}),
		},
		markDelivered: {
			description:
				"Devices have these messages and all before them. Gateways call it, with the acknowledgements of their sockets coalesced.",
			access: "internal",
			params: z.object({ acks: z.array(MessagePosition.extend({ userId: PlatformId })) }),
			result: z.null(),
		},
		pick: {
			description:
				"The messages at these positions, in their order: as many of the first as fit into `maxBytes` of JSON, but at least one. " +
				"Positions without a message are left out.",
			access: "internal",
			params: z.object({ positions: z.array(MessagePosition), maxBytes: z.int().positive().default(pageBytes) }),
			result: z.array(Message),
		},
		dropImage: {
			description: "Removes the image from its message, if a message has it. `media` calls this when it deletes the image.",
			access: "internal",
			params: z.object({ conversationId: Id, imageId: Id }),
			result: z.null(),
		},
		imageUses: {
			description: "Which of these images are, or were, in a message, and the clientId of that message.",
			access: "internal",
			params: z.object({ images: z.array(z.object({ conversationId: Id, imageId: Id })) }),
			result: z.array(z.object({ imageId: z.guid(), clientId: z.guid() })),
		},
		changes: {
			description:
				"The messages of each conversation that a reader with this cursor may not have, ascending: the newest ones, and older ones that " +
				"changed. `isComplete` is false when so many have changed that some are left out. Then the reader must start afresh.",
			access: "internal",
			params: z.object({
				conversationIds: z.array(z.guid()),
				sinceXid: Xid.nullable(),
				limit: z.int().positive().meta({ description: "The most new messages of one conversation." }),
				maxBytes: z.int().positive().default(pageBytes).meta({ description: "The most JSON of all conversations together." }),
			}),
			result: z.object({
				conversations: z.array(
					z.object({
						conversationId: z.guid(),
						messages: z.array(Message),
						hasMore: z.boolean().meta({ description: "There are older new messages that this answer leaves out." }),
					}),
				),
				isComplete: z.boolean(),
			}),
		},
		undelivered: {
			description:
				"Conversations with messages that no device of these users has acknowledged in time. A few for each user, in the order of the " +
				"conversations' ids, beginning after `afterId`.",
			access: "internal",
			params: z.object({ users: z.array(z.object({ userId: PlatformId, afterId: z.guid().nullable() })) }),
			result: z.object({ lagging: z.array(DeliveredCursor.extend({ userId: PlatformId })) }),
		},
		backlog: {
			description:
				"Messages by others to a user, above these delivered cursors: one conversation after the other, in order, as many as a page " +
				"holds.",
			access: "internal",
			params: z.object({ userId: PlatformId, cursors: z.array(DeliveredCursor) }),
			result: z.array(Message),
		},
		locate: {
			description: "The conversation and the seq of a message.",
			access: "internal",
			errors: ["NOT_FOUND"],
			params: z.object({ messageId: Id }),
			result: MessagePosition,
		},
		health: { description: "Answers when the database does.", access: "internal", params: z.object({}), result: z.null() },
	},
	events: {
		"message.created": z
			.object({ created: z.array(MessagePosition.extend({ senderId: PlatformId, recipientId: PlatformId })) })
			.meta({
				description: "New messages are stored. The event may be lost: a consumer that needs every message compares cursors.",
			}),
		"conversation.read": z
			.object({ conversationId: z.guid(), userId: PlatformId, seq: Seq })
			.meta({ description: "The user's read cursor moved to `seq`." }),
		"message.changed": MessagePosition.meta({ description: "A stored message has changed: its image was deleted." }),
		"conversation.reopened": z
			.object({ conversationId: z.guid() })
			.meta({ description: "A message into an AUTO_ARCHIVED conversation made it ACTIVE again." }),
	},
} satisfies ServiceContract;
