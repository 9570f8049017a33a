import { z } from "zod";
import type { ServiceContract } from "../../lib/contract.ts";
import { Id, PlatformId, Time } from "../../lib/schemas.ts";

export const Status = z.enum(["online", "away", "offline"]);
export type Status = z.infer<typeof Status>;

export const Presence = z.object({
	userId: PlatformId,
	status: Status,
	/** Now, for who is not offline; null for who was never seen. */
	lastSeenAt: Time.nullable(),
});
export type Presence = z.infer<typeof Presence>;

const NodeId = z.string().min(1);

/** What a user is on a gateway now. */
const Change = z.object({
	userId: PlatformId,
	status: Status,
	/** The user set it, and no socket went: others hear of it at once, also when it is worse. */
	chosen: z.boolean().default(false),
});
export type Change = z.infer<typeof Change>;

/** What a gateway has reported: how many users, and the sum of their parts (see digest.ts). */
const Digest = z.object({ users: z.int().min(0), sum: z.int().min(0) });
export type Digest = z.infer<typeof Digest>;

/** Users in one report. */
export const maxReported = 1_000;

export const presence = {
	actions: {
		/**
		 * A gateway says what users are on it, one report after the other: the changes, and now and then everybody. Its word counts as
		 * long as it renews its lease.
		 */
		report: {
			params: z.object({
				nodeId: NodeId,
				/** Grows with every report of the gateway, also with one that is repeated. A report that is older than one before is ignored. */
				number: z.int().positive(),
				users: z.array(Change).max(maxReported),
				/** Everybody was named in the reports from this number on: whom the gateway named before and not since has gone. */
				since: z.int().positive().optional(),
			}),
			result: z.null(),
		},
		/**
		 * A gateway is still there. `known` is false when the registry does not have what the gateway has reported: then it reports
		 * everybody anew. Without a digest that is not compared.
		 */
		renew: { params: z.object({ nodeId: NodeId, digest: Digest.optional() }), result: z.object({ known: z.boolean() }) },
		/**
		 * On which gateways the users have sockets (who has none is not named), and which gateways that can be said of. UNAVAILABLE
		 * without Redis.
		 */
		locate: {
			params: z.object({ userIds: z.array(PlatformId) }),
			result: z.object({ nodes: z.record(z.string(), z.array(NodeId)), reporting: z.array(NodeId) }),
		},
		/** Somebody with whom the caller shares a conversation. */
		get: { params: z.object({ userId: PlatformId }), result: Presence },
		lookup: { params: z.object({ userIds: z.array(PlatformId).max(10_000) }), result: z.array(Presence) },
		/** Those of the users who type in the conversation now. */
		typists: {
			params: z.object({ conversationId: Id, userIds: z.array(PlatformId).max(100) }),
			result: z.object({ userIds: z.array(PlatformId) }),
		},
		/** The caller types, or has stopped. It ends by itself after 3 s unless renewed, and with a message. */
		typing: { params: z.object({ conversationId: Id, typing: z.boolean() }), result: z.null() },
	},
	events: {},
} satisfies ServiceContract;
