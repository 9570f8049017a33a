import { z } from "zod";
import { exampleIds } from "../../lib/example-ids.ts";
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
	status: Status.meta({ description: "Over all of the person's devices: online if one is, else away if one is." }),
	lastSeenAt: Time.nullable().meta({ description: "Now, for a person who is not offline; null for one who was never seen." }),
});
export type Presence = z.infer<typeof Presence>;

const NodeId = z.string().min(1);

/** What a user is on a gateway now. */
const Change = z.object({
	userId: PlatformId,
	status: Status,
	chosen: z.boolean().default(false).meta({
		description:
			"The user set it, and no socket went. Others hear of it at once, also when the user is less present than before.",
	}),
});
export type Change = z.infer<typeof Change>;

/** What a gateway has reported: how many users, and the sum of their parts (see services/presence-digest.ts). */
const Digest = z.object({ users: z.int().min(0), sum: z.int().min(0) });
export type Digest = z.infer<typeof Digest>;

/** Users in one report. */
export const maxReported = 1_000;

export const presence = {
	actions: {
		report: {
			description:
				"A gateway reports the status of the users on it: the changes, and now and then everybody. Its reports are valid as long as it " +
				"renews its lease.",
			access: "internal",
			params: z.object({
				nodeId: NodeId,
				number: z.int().positive().meta({
					description:
						"Grows with every report of the gateway, also with a repeated one. A report with a lower number than one before is ignored.",
				}),
				users: z.array(Change).max(maxReported),
				since: z.int().positive().optional().meta({
					description:
						"The reports from this number on named everybody. A user whom the gateway named before, and not since, has gone.",
				}),
			}),
			result: z.null(),
		},
		renew: {
			description:
				"A gateway renews its lease. `known` is false when the registry has something else than the gateway has reported: then the " +
				"gateway reports everybody again. Without a digest nothing is compared.",
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
			description: "Whether a person is there. Only for people with whom the caller shares a conversation.",
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
