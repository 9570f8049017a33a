/** ISO 8601 in UTC with milliseconds. */
export type Time = string;

/** Values of `Message.metadata`, a flat object of the app's own. */
export type Metadata = Record<string, string | number | boolean | null>;

export interface Message {
	id: string;
	conversationId: string;
	/** Position in the conversation: 1, 2, 3 … without gaps. */
	seq: number;
	/** UUID that the sender's client made: the same one sent again is the same message. */
	clientId: string;
	senderId: string;
	type: "TEXT" | "IMAGE" | "SYSTEM";
	/** Plain text. */
	content: string | null;
	/** `content` escaped, with links and line breaks: safe to put into a page. */
	contentHtml: string | null;
	image: Image | null;
	replyToSeq: number | null;
	metadata: Metadata;
	createdAt: Time;
	/** As of when the message was loaded. For live ticks ask `ConversationState.tick`. */
	deliveredAt: Time | null;
	/** As of when the message was loaded. For live ticks ask `ConversationState.tick`. */
	readAt: Time | null;
}

export interface Image {
	id: string;
	mimeType: "image/jpeg" | "image/png" | "image/webp";
	fileSizeBytes: number;
	width: number;
	height: number;
	/** A ThumbHash (https://evanw.github.io/thumbhash/) in base64. */
	placeholder: string;
	originalUrl: string;
	/** At most 1,280 pixels on the longer side. */
	previewUrl: string;
	/** At most 320 pixels on the longer side. */
	thumbnailUrl: string;
	/** From then on ask for the image again. */
	urlsExpireAt: Time;
	deleteAfter: Time;
}

/** Where an image is to be put, and how. */
export interface Upload {
	imageId: string;
	uploadUrl: string;
	method: "PUT";
	headers: Record<string, string>;
	expiresAt: Time;
}

export type ConversationStatus = "ACTIVE" | "ARCHIVED" | "AUTO_ARCHIVED";

export interface Participant {
	userId: string;
	name: string;
	/** This person has read everything up to here. */
	readSeq: number;
	/** A device of this person has everything up to here. */
	deliveredSeq: number;
}

export interface Conversation {
	id: string;
	jobApplicationId: string;
	jobTitle: string;
	participants: Participant[];
	status: ConversationStatus;
	/** 0 while there is no message. */
	lastSeq: number;
	lastMessage: Message | null;
	lastMessageAt: Time | null;
	/** Messages by others above the caller's read cursor. */
	unreadCount: number;
	/** No notifications to the caller until then. */
	mutedUntil: Time | null;
	archivedAt: Time | null;
	archivedBy: string | null;
	createdAt: Time;
	updatedAt: Time;
}

export interface ConversationMetadata {
	conversationId: string;
	messageCount: number;
	firstMessageAt: Time | null;
	lastMessageAt: Time | null;
	participants: { userId: string; lastSeenAt: Time | null; readSeq: number; deliveredSeq: number }[];
}

/** `nextCursor` is null on the last page. */
export interface Page<Item> {
	items: Item[];
	nextCursor: string | null;
}

export interface MessagePage {
	items: Message[];
	hasMore: boolean;
}

export interface ReadState {
	conversationId: string;
	readSeq: number;
	unreadCount: number;
}

export interface Presence {
	userId: string;
	/** Over all devices: online if one is, else away if one is. */
	status: "online" | "away" | "offline";
	/** Null for who was never seen. */
	lastSeenAt: Time | null;
}

/** What `sync` tells of a conversation: the newest messages that are new, and older ones that changed, in seq order. */
export interface Snapshot extends Conversation {
	messages: Message[];
	/** Below the new messages there are others: they are history. */
	hasMore: boolean;
}

export interface SyncAnswer {
	conversations: Snapshot[];
	/** For the next time. */
	nextSince: string;
	/** `since` could not be answered: these are the most recent conversations, as without `since`. */
	reset: boolean;
}

/** What a person writes. */
export interface Draft {
	/** Made for you if absent. Give your own to send again after a restart of the app. */
	clientId?: string;
	type?: "TEXT" | "IMAGE";
	/** 1 to 5,000 Unicode code points after trimming; with an image it may be left out. */
	content?: string;
	/** With type IMAGE: what `uploadImage` gave. */
	imageId?: string;
	replyToSeq?: number;
	/** At most 2 KB of JSON. */
	metadata?: Metadata;
}

export interface NewUser {
	name: string;
	email?: string;
	/** BCP 47, for example `de-AT`. */
	locale?: string;
	/** IANA name, for example `Europe/Vienna`. */
	timezone?: string;
}

export interface NewApplication {
	applicantId: string;
	employerId: string;
	jobTitle: string;
	status: string;
}

/** A person's cursor moved: everything up to `seq` was delivered to, or read by, `userId`. */
export interface Receipt {
	conversationId: string;
	userId: string;
	seq: number;
	at: Time;
}

export type PresenceChange = Omit<Presence, "status">;

/** What a client asks over its socket, by event name. */
export interface ClientEvents {
	authenticate: { payload: { token: string }; answer: { userId: string; expiresAt: Time } };
	join_conversation: { payload: { conversationId: string }; answer: object };
	leave_conversation: { payload: { conversationId: string }; answer: object };
	send_message: { payload: Draft & { conversationId: string; clientId: string }; answer: { message: Message } };
	/** Of a conversation, up to `seq` or all; or everything up to a message. */
	mark_read: {
		payload: { conversationId?: string; messageId?: string; seq?: number };
		answer: Omit<ReadState, "conversationId">;
	};
	typing_start: { payload: { conversationId: string }; answer: object };
	typing_stop: { payload: { conversationId: string }; answer: object };
	set_presence: { payload: { status: "online" | "away" }; answer: object };
	sync: { payload: { since?: string }; answer: SyncAnswer };
}

/** What the server says to a socket, by event name. */
export interface ServerEvents {
	/** One tick: a message of mine is stored. Goes to all of my devices. */
	message_sent: { message: Message };
	/** A message for me. `ChatClient` acknowledges it. */
	message_received: { message: Message };
	/** Two ticks. */
	message_delivered: Receipt;
	message_read: Receipt;
	/**
	 * `count` in this conversation, `total` in all of them. Of two, that with the higher `lastSeq` is newer, or with the lower count
	 * at the same one; so with `totalLastSeq` and `total`. `ChatClient` drops what is older.
	 */
	unread_count: { conversationId: string; count: number; lastSeq: number; total: number; totalLastSeq: number };
	conversation_updated: { conversation: Conversation };
	/** About people with whom I share a conversation. Somebody whose last device went is offline some seconds later. */
	user_online: PresenceChange;
	user_away: PresenceChange;
	user_offline: PresenceChange;
	/** In conversations that this socket has joined. */
	user_typing: { conversationId: string; userId: string; typing: boolean };
	/** I have unread messages. One for a conversation replaces the one before. Goes to all of my devices, as far as my settings allow. */
	notification: {
		kind: "NEW_MESSAGE";
		conversationId: string;
		/** The newest message by the other person. */
		seq: number;
		senderId: string;
		/** Plain text in my language. */
		title: string;
		/** Plain text in my language. */
		body: string;
		/** Messages by the other person that I have not read. */
		count: number;
	};
	/** I have read the conversation, on any device. It may come although there was no notification. */
	notification_cleared: { conversationId: string };
	/** This gateway is about to leave. `ChatClient` moves by itself. */
	server_draining: { reconnectAfterMs: number };
	error: ErrorBody;
}

export type ErrorCode =
	| "VALIDATION_FAILED"
	| "MALFORMED_JSON"
	| "UNAUTHENTICATED"
	| "TOKEN_EXPIRED"
	| "FORBIDDEN"
	| "APPLICATION_REQUIRED"
	| "NOT_FOUND"
	| "CONVERSATION_ARCHIVED"
	| "IMAGE_NOT_READY"
	| "CLIENT_ID_REUSED"
	| "ERASED"
	| "PAYLOAD_TOO_LARGE"
	| "UNSUPPORTED_MEDIA_TYPE"
	| "IMAGE_REJECTED"
	| "RATE_LIMITED"
	| "UNAVAILABLE"
	| "INTERNAL";

/** What `details` of an error is, by its code. The other codes have no details. */
export interface ErrorDetails {
	VALIDATION_FAILED: { path: string; message: string }[];
	IMAGE_NOT_READY: { reason: "NOT_CONFIRMED" | "ALREADY_SENT" };
	IMAGE_REJECTED: { reason: RejectionReason };
	RATE_LIMITED: { retryAfterSeconds: number };
	/** Only of `GET /health/ready`. */
	UNAVAILABLE: { missing: string[] };
}

export type RejectionReason =
	| "NOT_UPLOADED"
	| "SIZE_MISMATCH"
	| "TOO_LARGE"
	| "WRONG_TYPE"
	| "TOO_MANY_PIXELS"
	| "TOO_COSTLY"
	| "CORRUPT"
	| "INFECTED";

export interface ErrorBody {
	code: ErrorCode;
	message: string;
	/** `ErrorDetails` has its shape for each code. */
	details?: unknown;
}

/** What every client event is acknowledged with. */
export type Ack<Result> = ({ ok: true } & Result) | { ok: false; error: ErrorBody };
