import { z } from "zod";
import { exampleIds } from "../../lib/example-ids.ts";
import { Id, PlatformId, Time } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";

export const Status = z.enum(["online", "away", "offline"]);
export type Status = z.infer<typeof Status>;

const rank: Record<Status, number> = { online: 2, away: 1, offline: 0 };

/** Whether `one` ranks above `other`: first online, then away, then offline. */
export function isBetter(one: Status, other: Status): boolean {
	return rank[one] > rank[other];
}

/** The status of a user from the statuses of the user's devices: online if one is, else away if one is. */
export function mergeStatuses(statuses: Iterable<Status>): Status {
	let merged: Status = "offline";
	for (const status of statuses) if (isBetter(status, merged)) merged = status;
	return merged;
}

export const Presence = z.object({
	userId: PlatformId,
	status: Status.meta({ description: "Over all of the person's devices: online if one is, else away if one is." }),
	lastSeenAt: Time.nullable().meta({ description: "Now, for a person who is not offline; null for one who was never seen." }),
});
export type Presence = z.infer<typeof Presence>;

const NodeId = z.string().min(1);

/** The status of a user on one gateway. */
const Change = z.object({
	userId: PlatformId,
	status: Status,
	chosen: z.boolean().default(false).meta({
		description:
			"The user set this status, and no socket closed. Others are informed at once, also when it ranks below the status before.",
	}),
});
export type Change = z.infer<typeof Change>;

/** A digest of what a gateway has reported: how many users, and a sum over them (see services/presence-digest.ts). */
const Digest = z.object({ users: z.int().min(0), sum: z.int().min(0) });
export type Digest = z.infer<typeof Digest>;

/** Users in one report. */
export const maxReported = 1_000;

export const presence = {
	actions: {
		report: {
			description:
				"A gateway reports the status of its users: the changes, and from time to time all users. Its reports are valid as long as it " +
				"renews its lease.",
			access: "internal",
			params: z.object({
				nodeId: NodeId,
				number: z.int().positive().meta({
					description:
						"Grows with every report of the gateway, also with a repeated one. A report with a lower number than one before is ignored.",
				}),
				users: z.array(Change).max(maxReported),
				since: z
					.int()
					.positive()
					.optional()
					.meta({
						description:
							"The reports from this number on contain all users of the gateway. A user of earlier reports who is in none of them has no " +
							"socket there any more.",
					}),
			}),
			result: z.null(),
		},
		renew: {
			description:
				"A gateway renews its lease. `known` is false when the registry differs from what the gateway has reported. Then the gateway " +
				"reports all its users again. Without a digest nothing is compared.",
			access: "internal",
			params: z.object({ nodeId: NodeId, digest: Digest.optional() }),
			result: z.object({ known: z.boolean() }),
		},
		locate: {
			description:
				"The gateways on which the users have sockets, and the gateways that have reported. Users without a socket are left out. " +
				"UNAVAILABLE without Redis.",
			access: "internal",
			params: z.object({ userIds: z.array(PlatformId) }),
			result: z.object({ nodes: z.record(z.string(), z.array(NodeId)), reporting: z.array(NodeId) }),
		},
		get: {
			description: "The presence of a person. Only for people with whom the caller shares a conversation.",
			access: { role: "user", partner: "userId" },
			rateLimit: "queries",
			routes: ["GET /users/:userId/presence"],
			isSocketQuery: true,
			errors: [],
			params: z.object({ userId: PlatformId }).meta({ examples: [{ userId: exampleIds.bob }] }),
			result: Presence,
		},
		lookup: {
			description: "The presence of these users, in order.",
			access: "internal",
			params: z.object({ userIds: z.array(PlatformId).max(10_000) }),
			result: z.array(Presence),
		},
		typists: {
			description: "Those of the users who type in the conversation now.",
			access: "internal",
			params: z.object({ conversationId: Id, userIds: z.array(PlatformId).max(100) }),
			result: z.object({ userIds: z.array(PlatformId) }),
		},
		typing: {
			description: "The caller types, or has stopped. Typing ends after 3 s unless it is renewed, and with a message.",
			access: { role: "user", conversation: "conversationId" },
			errors: [],
			params: z
				.object({ conversationId: Id, typing: z.boolean() })
				.meta({ examples: [{ conversationId: exampleIds.conversation, typing: true }] }),
			result: z.null(),
		},
	},
	events: {},
} satisfies ServiceContract;
