import { z } from "zod";
import { exampleIds } from "../../lib/example-ids.ts";
import { Id, InputTime, Limit, Page, PlatformId, Query, Text, Time } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";
import { Message } from "../messages/messages.contract.ts";

export const ConversationStatus = z.enum(["ACTIVE", "ARCHIVED", "AUTO_ARCHIVED"]);

/** The two cursors of a participant. */
const cursors = {
	readSeq: z.int().meta({ description: "This person has read everything up to here; 0: nothing yet." }),
	deliveredSeq: z.int().meta({ description: "A device of this person has everything up to here; 0: nothing yet." }),
};

export const Conversation = z
	.object({
		id: z.guid(),
		jobApplicationId: PlatformId,
		jobTitle: z.string(),
		participants: z
			.array(z.object({ userId: PlatformId, name: z.string(), ...cursors }))
			.meta({ description: "The applicant first, then the employer." }),
		status: ConversationStatus,
		lastSeq: z.int().meta({ description: "The seq of the newest message; 0 while there is none." }),
		lastMessage: Message.nullable(),
		lastMessageAt: Time.nullable(),
		unreadCount: z.int().meta({ description: "Messages by others above the caller's read cursor." }),
		mutedUntil: Time.nullable().meta({ description: "The caller gets no notifications until then." }),
		archivedAt: Time.nullable(),
		archivedBy: PlatformId.nullable().meta({
			description: "Who archived it. Null when it is not archived, or was archived automatically.",
		}),
		createdAt: Time,
		updatedAt: Time.meta({
			description:
				"Grows with every change of the newest message or the status, but not with the cursors: of two copies the one with the " +
				"later time is newer.",
		}),
	})
	.meta({ description: "A conversation as one of its two participants sees it." });
export type Conversation = z.infer<typeof Conversation>;

/** Where one participant stands in a conversation. */
const Level = z.object({
	conversationId: z.guid(),
	userId: PlatformId,
	otherId: PlatformId.meta({ description: "The other participant." }),
	jobApplicationId: PlatformId,
	status: ConversationStatus,
	lastSeq: z.int().meta({ description: "The seq of the newest message, by either person; 0 while there is none." }),
	...cursors,
	unreadCount: z.int().meta({ description: "Messages by the other person above `readSeq`." }),
	mutedUntil: Time.nullable().meta({ description: "As it was set: it may be in the past." }),
});
export type Level = z.infer<typeof Level>;

const ConversationRef = z.object({ conversationId: Id });
const example = { conversationId: exampleIds.conversation };
const ConversationRefWithExample = ConversationRef.meta({ examples: [example] });

export const conversations = {
	actions: {
		create: {
			description:
				"Opens the conversation of a job application: 201. If it exists already: 200, with the existing one. The caller must be the " +
				"applicant or the employer of the application.",
			access: { role: "user" },
			rateLimit: "conversations",
			routes: ["POST /conversations"],
			statuses: [201, 200],
			errors: ["APPLICATION_REQUIRED", "NOT_FOUND"],
			params: z.object({ jobApplicationId: PlatformId }).meta({ examples: [{ jobApplicationId: exampleIds.jobApplication }] }),
			result: Conversation,
		},
		list: {
			description:
				"The caller's conversations, the one with the newest message first. A page is shorter than `limit` when last messages are large.",
			access: { role: "user" },
			rateLimit: "queries",
			routes: ["GET /conversations"],
			isSocketQuery: true,
			errors: [],
			params: z
				.object({
					status: ConversationStatus.or(z.literal("ALL"))
						.default("ACTIVE")
						.meta({ description: "`ARCHIVED` lists both kinds of archived conversations." }),
					q: Query(200).optional().meta({
						description: "Words of the other person's name or of the job's title: 1 to 200 characters after trimming.",
					}),
					limit: Limit(20, 100),
					cursor: Text.max(200).optional().meta({ description: "`nextCursor` of the page before." }),
				})
				.meta({ examples: [{ status: "ALL", q: "cook", limit: 20 }] }),
			result: Page(Conversation),
		},
		get: {
			description: "One conversation of the caller's.",
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "queries",
			routes: ["GET /conversations/:conversationId"],
			isSocketQuery: true,
			errors: [],
			params: ConversationRefWithExample,
			result: Conversation,
		},
		metadata: {
			description: "How many messages a conversation has, when the first and the last were sent, and its participants' cursors.",
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "queries",
			routes: ["GET /conversations/:conversationId/metadata"],
			isSocketQuery: true,
			errors: [],
			params: ConversationRefWithExample,
			result: z.object({
				conversationId: z.guid(),
				messageCount: z.int(),
				firstMessageAt: Time.nullable(),
				lastMessageAt: Time.nullable(),
				participants: z.array(
					z.object({
						userId: PlatformId,
						lastSeenAt: Time.nullable().meta({
							description: "Now, for a person who is not offline; null for one who was never seen.",
						}),
						...cursors,
					}),
				),
			}),
		},
		sync: {
			description:
				"What is new or changed for the caller since a cursor that `sync` gave. Without one: the 50 most recent conversations, fewer if " +
				"they are large.",
			access: { role: "user" },
			rateLimit: "queries",
			routes: ["GET /sync"],
			errors: [],
			params: z
				.object({ since: Text.max(200).optional().meta({ description: "`nextSince` of the last answer." }) })
				.meta({ examples: [{}] }),
			result: z.object({
				conversations: z.array(
					Conversation.extend({
						messages: z
							.array(Message)
							.meta({ description: "The newest of the new messages, and older ones that changed, ascending." }),
						hasMore: z.boolean().meta({
							description: "There are older new messages that this answer leaves out. The list of messages has them.",
						}),
					}),
				),
				nextSince: z.string().meta({ description: "`since` of the next request." }),
				reset: z.boolean().meta({
					description:
						"`since` could not be answered, or the answer would be too large. The answer is as without `since`, and anything else " +
						"that the client has may be outdated.",
				}),
			}),
		},
		archive: {
			description: "Archives a conversation for both participants: nobody can send into it until one of them reopens it.",
			access: { role: "user", conversation: "conversationId" },
			routes: ["PATCH /conversations/:conversationId/archive"],
			errors: [],
			params: ConversationRefWithExample,
			result: Conversation,
		},
		reopen: {
			description: "Makes an archived conversation ACTIVE again.",
			access: { role: "user", conversation: "conversationId" },
			routes: ["PATCH /conversations/:conversationId/reopen"],
			errors: [],
			params: ConversationRefWithExample,
			result: Conversation,
		},
		mute: {
			description: "Stops the caller's notifications of a conversation until a time.",
			access: { role: "user", conversation: "conversationId" },
			routes: ["PUT /conversations/:conversationId/mute"],
			errors: [],
			params: ConversationRef.extend({ until: InputTime.nullable().meta({ description: "Null: notify again." }) }).meta({
				examples: [{ ...example, until: "2026-12-24T00:00:00+01:00" }],
			}),
			result: Conversation,
		},
		unreadCount: {
			description:
				"How many messages the caller has not read, in one conversation or, without `conversationId`, in all of theirs.",
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "queries",
			routes: ["GET /conversations/unread-count/count", "GET /conversations/:conversationId/unread-count"],
			isSocketQuery: true,
			errors: [],
			params: ConversationRef.partial().meta({ examples: [{}, example] }),
			result: z.object({ count: z.int() }),
		},
		participants: {
			description: "The two people of a conversation. They never change.",
			access: "internal",
			errors: ["NOT_FOUND"],
			params: ConversationRef,
			result: z.object({ userIds: z.array(PlatformId) }),
		},
		levels: {
			description:
				"Where each of these people stands in each conversation, in the order of the pairs. Unknown conversations, and people who are " +
				"not in theirs, are left out.",
			access: "internal",
			params: z.object({ pairs: z.array(z.object({ conversationId: z.guid(), userId: PlatformId })).max(1_000) }),
			result: z.object({ levels: z.array(Level) }),
		},
		totals: {
			description: "How many messages each of these users has not read in all conversations, by user; 0 for an unknown one.",
			access: "internal",
			params: z.object({ userIds: z.array(PlatformId).max(1_000) }),
			result: z.record(z.string(), z.int()),
		},
		share: {
			description: "Whether two people take part in the same conversation.",
			access: "internal",
			params: z.object({ userId: PlatformId, partnerId: PlatformId }),
			result: z.object({ shared: z.boolean() }),
		},
		partners: {
			description:
				"The people with whom each of these users shares a conversation. When the answer would be too large, it leaves out whole users: " +
				"the caller asks again for those of `rest`.",
			access: "internal",
			params: z.object({ userIds: z.array(PlatformId).max(1_000) }),
			result: z.object({ partners: z.record(z.string(), z.array(PlatformId)), rest: z.array(PlatformId) }),
		},
		health: { description: "Answers when the database does.", access: "internal", params: z.object({}), result: z.null() },
	},
	events: {
		"conversation.created": z
			.object({ conversationId: z.guid(), userIds: z.array(PlatformId) })
			.meta({ description: "A conversation was opened. Emitted after the commit." }),
		"conversation.muted": z
			.object({ conversationId: z.guid(), userId: PlatformId })
			.meta({ description: "The user muted the conversation, or ended that. Emitted after the commit." }),
	},
} satisfies ServiceContract;
