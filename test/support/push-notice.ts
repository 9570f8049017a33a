import { randomUUID } from "node:crypto";
import type { PushClearing, PushNotice } from "../../services/notifier/channels/channel.ts";

/** What a person gets for one message. */
export function pushNotice(changes: Partial<PushNotice> = {}): PushNotice {
	return {
		kind: "NEW_MESSAGE",
		id: randomUUID(),
		collapseKey: "c-0kq3Zp2vX_9sL4",
		title: "Zoë Ångström",
		body: "Können Sie morgen? 👋",
		url: "https://jobs.example.org/conversations/1",
		conversationId: randomUUID(),
		seq: 42,
		count: 2,
		badge: 5,
		...changes,
	};
}

/** What takes it away again. */
export function pushClearing({ collapseKey, conversationId }: PushNotice): PushClearing {
	return { kind: "CLEARED", id: randomUUID(), collapseKey, conversationId, badge: 3 };
}
