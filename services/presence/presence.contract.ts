import { z } from "zod";
import { Id, PlatformId, Time } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";

export const Status = z.enum(["online", "away", "offline"]);
export type Status = z.infer<typeof Status>;

const rank: Record<Status, number> = { online: 2, away: 1, offline: 0 };

/** Whether the first is more present than the second. */
export function isBetter(one: Status, other: Status): boolean {
	return rank[one] > rank[other];
}

/** What a user is whose devices are these: online if one is, else away if one is. */
export function mergeStatuses(statuses: Iterable<Status>): Status {
	let merged: Status = "offline";
	for (const status of statuses) if (isBetter(status, merged)) merged = status;
	return merged;
}

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

/** What a gateway has reported: how many users, and the sum of their parts (see services/presence-digest.ts). */
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
			access: "internal",
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
		renew: {
			access: "internal",
			params: z.object({ nodeId: NodeId, digest: Digest.optional() }),
			result: z.object({ known: z.boolean() }),
		},
		/**
		 * On which gateways the users have sockets (who has none is not named), and which gateways that can be said of. UNAVAILABLE
		 * without Redis.
		 */
		locate: {
			access: "internal",
			params: z.object({ userIds: z.array(PlatformId) }),
			result: z.object({ nodes: z.record(z.string(), z.array(NodeId)), reporting: z.array(NodeId) }),
		},
		/** Somebody with whom the caller shares a conversation. */
		get: {
			access: { role: "user", partner: "userId" },
			rateLimit: "queries",
			routes: ["GET /users/:userId/presence"],
			isSocketQuery: true,
			params: z.object({ userId: PlatformId }),
			result: Presence,
		},
		lookup: { access: "internal", params: z.object({ userIds: z.array(PlatformId).max(10_000) }), result: z.array(Presence) },
		/** Those of the users who type in the conversation now. */
		typists: {
			access: "internal",
			params: z.object({ conversationId: Id, userIds: z.array(PlatformId).max(100) }),
			result: z.object({ userIds: z.array(PlatformId) }),
		},
		/** The caller types, or has stopped. It ends by itself after 3 s unless renewed, and with a message. */
		typing: {
			access: { role: "user", conversation: "conversationId" },
			params: z.object({ conversationId: Id, typing: z.boolean() }),
			result: z.null(),
		},
	},
	events: {},
} satisfies ServiceContract;
