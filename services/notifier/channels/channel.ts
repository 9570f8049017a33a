/** What became of one attempt to send. */
export type Outcome =
	| { kind: "accepted" }
	/** The provider says that the device or the recipient does not exist any more. */
	| { kind: "gone"; reason: string }
	/** The provider will give the same answer again. */
	| { kind: "refused"; reason: string }
	/** The provider did not answer, or is busy. */
	| { kind: "failed"; reason: string; retryAfterMs?: number };

/**
 * One way to reach a person. `reason` of an outcome is one short line for operators: the provider's code. It never contains a token,
 * an address, or anything that a person wrote.
 */
export interface Channel<Address, Content> {
	/** Never rejects: a connection that fails is an outcome too. An attempt ends within `attemptTimeoutMs`. */
	send(to: Address, content: Content): Promise<Outcome>;
	/** Closes its connections. */
	close(): Promise<void>;
}

/** Longer than any attempt takes; the claim on a notification (deliveries) lasts longer than this. */
export const attemptTimeoutMs = 20_000;

/** A device, as a channel needs it. */
export interface Device {
	id: string;
	kind: "webpush" | "fcm" | "apns";
	/** The provider's token; for web push the URL of the push service. */
	address: string;
	/** Only web push has them. */
	keys: { p256dh: string; auth: string } | null;
}

/** What a push shows. Devices replace a push by a newer one with the same `collapseKey`. */
export interface PushNotice {
	kind: "NEW_MESSAGE";
	/** The notification's id, the same at each attempt. */
	id: string;
	/** At most 32 characters of the URL-safe base64 alphabet: one for each conversation, and one for digests. */
	collapseKey: string;
	title: string;
	body: string;
	/** Where a tap leads. */
	url: string;
	/** Null for a digest over several conversations. */
	conversationId: string | null;
	seq: number | null;
	/** Unread messages that this is about. */
	count: number;
	/** Unread messages of the person in all conversations. */
	badge: number;
}

/** Takes a push away: the person has read the conversation elsewhere. */
export interface PushClearing {
	kind: "CLEARED";
	id: string;
	collapseKey: string;
	conversationId: string | null;
	badge: number;
}

export type PushContent = PushNotice | PushClearing;
export type PushChannel = Channel<Device, PushContent>;

/** A mail that is ready to be sent. */
export interface Mail {
	to: string;
	subject: string;
	text: string;
	html: string;
	headers: Record<string, string>;
	/** With angle brackets. The same at each attempt, so that mail programs show a mail that came twice as one. */
	messageId: string;
	/** The Message-ID that all mails of a conversation refer to, so that they form a thread. */
	references: string;
}

/** The address is in the mail itself. */
export type MailChannel = Channel<null, Mail>;
