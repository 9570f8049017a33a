import { z } from "zod";
import { PlatformId, Seq, Time } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";
import { Conversation } from "../conversations/conversations.contract.ts";
import { Message } from "../messages/messages.contract.ts";

const Receipt = z.object({ conversationId: z.guid(), userId: PlatformId, seq: Seq, at: Time });

const PresenceChange = z.object({ userId: PlatformId, lastSeenAt: Time.nullable() });

/** What the server says to sockets without being asked. Who hears it is in the protocol, section 3. */
export const serverEvents = {
	message_sent: z.object({ message: Message }),
	message_received: z.object({ message: Message }),
	message_delivered: Receipt,
	message_read: Receipt,
	/** Of two the newer one knows of a higher `lastSeq`, or has the lower count at the same; so with `total`. */
	unread_count: z.object({
		conversationId: z.guid(),
		count: z.int(),
		lastSeq: z.int(),
		total: z.int(),
		/** Summed up over all of the user's conversations. */
		totalLastSeq: z.int(),
	}),
	conversation_updated: z.object({ conversation: Conversation }),
	user_online: PresenceChange,
	user_away: PresenceChange,
	user_offline: PresenceChange,
	user_typing: z.object({ conversationId: z.guid(), userId: PlatformId, typing: z.boolean() }),
	server_draining: z.object({ reconnectAfterMs: z.int() }),
	error: z.object({ code: z.string(), message: z.string(), details: z.unknown().optional() }),
};
export type ServerEvents = { [E in keyof typeof serverEvents]: z.infer<(typeof serverEvents)[E]> };

/** One payload, and under which event name each person's sockets get it. Made with `push` of mixins/delivery. */
export interface Push {
	payload: unknown;
	to: { userId: string; event: string }[];
	/** Only for sockets that joined this conversation. */
	joined?: string;
}

export const gateway = {
	actions: {
		/** Hands payloads to those of the people named who have sockets on this node. */
		deliver: {
			access: "internal",

			// Looked at no closer: it comes from our own services, in thousands a second.
			params: z.object({ pushes: z.custom<Push[]>(Array.isArray) }),
			result: z.null(),
		},
	},
	events: {},
} satisfies ServiceContract;
