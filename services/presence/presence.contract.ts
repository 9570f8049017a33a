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

export const presence = {
	actions: {
		/**
		 * A gateway says who has sockets on it, and how: a few users whenever that changes, or, as `complete`, all of them. Its word
		 * counts as long as it renews its lease.
		 */
		report: {
			params: z.object({
				nodeId: NodeId,
				users: z.array(z.object({ userId: PlatformId, status: Status })),
				complete: z.boolean(),
			}),
			result: z.null(),
		},
		/** A gateway is still there. `known` is false when the registry has lost what it reported: then it reports all anew. */
		renew: { params: z.object({ nodeId: NodeId }), result: z.object({ known: z.boolean() }) },
		/** On which gateways the users have sockets, and which gateways that can be said of. UNAVAILABLE without Redis. */
		locate: {
			params: z.object({ userIds: z.array(PlatformId) }),
			result: z.object({ nodes: z.record(z.string(), z.array(NodeId)), reporting: z.array(NodeId) }),
		},
		/** Somebody with whom the caller shares a conversation. */
		get: { params: z.object({ userId: PlatformId }), result: Presence },
		lookup: { params: z.object({ userIds: z.array(PlatformId) }), result: z.array(Presence) },
		/** The caller types, or has stopped. It ends by itself after 3 s unless renewed, and with a message. */
		typing: { params: z.object({ conversationId: Id, typing: z.boolean() }), result: z.null() },
	},
	events: {},
} satisfies ServiceContract;
