import { ParleyApiError } from "./errors.ts";
import { type BaseUrl, Gateways } from "./gateways.ts";
import { Http, type HttpRequest, type Method, repeatedly } from "./http.ts";
import { type TokenSource, Tokens } from "./token.ts";
import type {
	Conversation,
	ConversationMetadata,
	ConversationStatus,
	Draft,
	Image,
	Message,
	MessagePage,
	NewApplication,
	NewUser,
	Page,
	Presence,
	ReadState,
	SyncAnswer,
	Time,
	Upload,
} from "./types.ts";

/** The server takes up to 30 s to verify an image. It answers UNAVAILABLE while too many wait, or without the storage. */
const confirmTimeoutMs = 35_000;
const defaultConfirmPausesMs = [500, 1_000, 2_000, 4_000, 8_000];

export interface RestOptions {
	baseUrl: BaseUrl | Gateways;
	token: TokenSource | Tokens;
	/** How long an attempt of a request may take, default 10,000. */
	timeoutMs?: number;
	/** How long an attempt to upload an image may take, default 120,000: 5 MB over a connection of 0.4 Mbit/s. */
	uploadTimeoutMs?: number;
	/** The pauses before the confirmation of an image is repeated; about 16 s in all by default. */
	confirmPausesMs?: readonly number[];
}

/**
 * Parley over REST, one method for each route. Every method throws `ParleyApiError`. Requests that may be repeated are repeated a few
 * times if there is no answer or the server is not available.
 */
export class RestClient {
	readonly #http: Http;
	readonly #uploadTimeoutMs: number;
	readonly #confirmPausesMs: readonly number[];

	constructor({ baseUrl, token, timeoutMs, uploadTimeoutMs = 120_000, confirmPausesMs }: RestOptions) {
		const gateways = baseUrl instanceof Gateways ? baseUrl : new Gateways(baseUrl);
		this.#http = new Http(gateways, token instanceof Tokens ? token : new Tokens(token), timeoutMs);
		this.#uploadTimeoutMs = uploadTimeoutMs;
		this.#confirmPausesMs = confirmPausesMs ?? defaultConfirmPausesMs;
	}

	/** Creates the conversation of a job application, or returns the existing one. */
	createConversation(jobApplicationId: string): Promise<Conversation> {
		return this.#ask("POST", "/conversations", { body: { jobApplicationId }, repeats: true });
	}

	/** Newest message first; `status` is ACTIVE by default, and ARCHIVED means both kinds of archived. */
	listConversations(
		query: { status?: ConversationStatus | "ALL"; limit?: number; cursor?: string } = {},
	): Promise<Page<Conversation>> {
		return this.#ask("GET", "/conversations", { query });
	}

	getConversation(id: string): Promise<Conversation> {
		return this.#ask("GET", path`/conversations/${id}`);
	}

	getConversationMetadata(id: string): Promise<ConversationMetadata> {
		return this.#ask("GET", path`/conversations/${id}/metadata`);
	}

	/** Archives it for both participants. Sending is refused until one of them reopens it. */
	archiveConversation(id: string): Promise<Conversation> {
		return this.#ask("PATCH", path`/conversations/${id}/archive`);
	}

	reopenConversation(id: string): Promise<Conversation> {
		return this.#ask("PATCH", path`/conversations/${id}/reopen`);
	}

	/** Marks all messages up to `seq` as read, by default all messages. Never moves back. */
	markConversationRead(id: string, seq?: number): Promise<ReadState> {
		return this.#ask("PATCH", path`/conversations/${id}/read`, { body: { seq }, repeats: seq !== undefined });
	}

	/** No notifications until this time; null: notify again. */
	async muteConversation(id: string, until: Time | null): Promise<void> {
		await this.#ask("PUT", path`/conversations/${id}/mute`, { body: { until } });
	}

	/** Counts the unread messages in all conversations. */
	countUnread(): Promise<{ count: number }> {
		return this.#ask("GET", "/conversations/unread-count/count");
	}

	countUnreadIn(id: string): Promise<{ count: number }> {
		return this.#ask("GET", path`/conversations/${id}/unread-count`);
	}

	/** May be repeated with the same clientId, which is also in errors: the message is stored once. */
	async sendMessage(conversationId: string, message: Draft & { clientId: string }): Promise<Message> {
		try {
			return await this.#ask("POST", path`/conversations/${conversationId}/messages`, { body: message, repeats: true });
		} catch (error) {
			throw error instanceof ParleyApiError ? error.about({ clientId: message.clientId }) : error;
		}
	}

	/** Newest first; with `after` ascending from there. At most 100 a page. */
	listMessages(conversationId: string, query: { before?: number; after?: number; limit?: number } = {}): Promise<MessagePage> {
		return this.#ask("GET", path`/conversations/${conversationId}/messages`, { query });
	}

	/**
	 * Uploads a JPEG, PNG or WebP of at most 5 MB to the storage. After that, send a message of type IMAGE with its id. If an error has an
	 * `imageId`, the upload itself succeeded, and `confirmImage` may succeed later.
	 */
	async uploadImage(conversationId: string, image: Blob, filename = "image"): Promise<Image> {
		const wanted = { filename, mimeType: image.type, sizeBytes: image.size };
		const path = imagesPath(conversationId);
		const upload: Upload = await this.#ask("POST", `${path}/upload-url`, { body: wanted });
		await put(image, upload, this.#uploadTimeoutMs);
		try {
			return await this.confirmImage(conversationId, upload.imageId);
		} catch (error) {
			throw error instanceof ParleyApiError ? error.about({ imageId: upload.imageId }) : error;
		}
	}

	/** Confirms an uploaded image whose confirmation failed. Possible within a day after the upload. */
	confirmImage(conversationId: string, imageId: string): Promise<Image> {
		const request = { body: { imageId }, repeats: true, timeoutMs: confirmTimeoutMs, pausesMs: this.#confirmPausesMs };
		return this.#ask("POST", `${imagesPath(conversationId)}/confirm`, request);
	}

	/** The image with new URLs. */
	getImage(id: string): Promise<Image> {
		return this.#ask("GET", path`/images/${id}`);
	}

	/** Deletes an image that the caller has uploaded. Its message stays. */
	async deleteImage(id: string): Promise<void> {
		await this.#ask("DELETE", path`/images/${id}`);
	}

	/** Marks this message and all before it as read. */
	markMessageRead(messageId: string): Promise<ReadState> {
		return this.#ask("PATCH", path`/messages/${messageId}/read`, { repeats: true });
	}

	/** What is new or changed since `since`, the `nextSince` of an earlier answer. Without it, the 50 most recent conversations. */
	sync(since?: string): Promise<SyncAnswer> {
		return this.#ask("GET", "/sync", { query: { since } });
	}

	/** The presence of someone with whom the caller shares a conversation. */
	getPresence(userId: string): Promise<Presence> {
		return this.#ask("GET", path`/users/${userId}/presence`);
	}

	/** Role `platform`: registers a person, or changes one. */
	async putUser(id: string, user: NewUser): Promise<void> {
		await this.#ask("PUT", path`/platform/users/${id}`, { body: user });
	}

	/** Role `platform`: erases a person. */
	async deleteUser(id: string): Promise<void> {
		await this.#ask("DELETE", path`/platform/users/${id}`);
	}

	/** Role `platform`: registers an application, after which its two people may write to each other. */
	async putApplication(id: string, application: NewApplication): Promise<void> {
		await this.#ask("PUT", path`/platform/applications/${id}`, { body: application });
	}

	#ask<Result>(method: Method, path: string, request: Partial<HttpRequest> = {}): Promise<Result> {
		return this.#http.request({ method, path, ...request });
	}
}

function imagesPath(conversationId: string): string {
	return path`/conversations/${conversationId}/messages/images`;
}

/** May be repeated: storing the same bytes again changes nothing. */
function put(image: Blob, { uploadUrl, method, headers }: Upload, timeoutMs: number): Promise<void> {
	return repeatedly(async () => {
		const message = "The image could not be uploaded.";
		let response: Response;
		try {
			response = await fetch(uploadUrl, { method, headers, body: image, signal: AbortSignal.timeout(timeoutMs) });
			await response.arrayBuffer();
		} catch (cause) {
			throw new ParleyApiError({ code: "NETWORK", message }, { cause });
		}
		if (!response.ok) throw new ParleyApiError({ code: "UNAVAILABLE", message, status: response.status });
	});
}

function path(strings: TemplateStringsArray, ...ids: string[]): string {
	return String.raw({ raw: strings }, ...ids.map(encodeURIComponent));
}
