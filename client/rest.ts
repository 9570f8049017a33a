import { ParleyApiError } from "./errors.ts";
import { type BaseUrl, Gateways } from "./gateways.ts";
import { currentToken, type TokenSource } from "./token.ts";
import type {
	Conversation,
	ConversationMetadata,
	ConversationStatus,
	Draft,
	ErrorBody,
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

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Query = Record<string, string | number | undefined>;
type Answer = { response: Response; text: string };

/** Parley over REST: one method a route. Every method throws `ParleyApiError`. */
export class RestClient {
	readonly #gateways: Gateways;
	readonly #token: TokenSource;

	constructor(options: { baseUrl: BaseUrl | Gateways; token: TokenSource }) {
		this.#gateways = options.baseUrl instanceof Gateways ? options.baseUrl : new Gateways(options.baseUrl);
		this.#token = options.token;
	}

	/** Opens the conversation of a job application, or gives the one that is there. */
	createConversation(jobApplicationId: string): Promise<Conversation> {
		return this.#request("POST", "/conversations", { body: { jobApplicationId } });
	}

	/** Newest message first; `status` is ACTIVE by default, and ARCHIVED means both kinds of archived. */
	listConversations(
		query: { status?: ConversationStatus | "ALL"; limit?: number; cursor?: string } = {},
	): Promise<Page<Conversation>> {
		return this.#request("GET", "/conversations", { query });
	}

	getConversation(id: string): Promise<Conversation> {
		return this.#request("GET", path`/conversations/${id}`);
	}

	getConversationMetadata(id: string): Promise<ConversationMetadata> {
		return this.#request("GET", path`/conversations/${id}/metadata`);
	}

	/** For both sides; sending is refused until somebody reopens it. */
	archiveConversation(id: string): Promise<Conversation> {
		return this.#request("PATCH", path`/conversations/${id}/archive`);
	}

	reopenConversation(id: string): Promise<Conversation> {
		return this.#request("PATCH", path`/conversations/${id}/reopen`);
	}

	/** Everything up to `seq`, by default everything, is read. Never moves back. */
	markConversationRead(id: string, seq?: number): Promise<ReadState> {
		return this.#request("PATCH", path`/conversations/${id}/read`, { body: { seq } });
	}

	/** No notifications until then; null: notify again. */
	async muteConversation(id: string, until: Time | null): Promise<void> {
		await this.#request("PUT", path`/conversations/${id}/mute`, { body: { until } });
	}

	/** Unread messages in all conversations. */
	countUnread(): Promise<{ count: number }> {
		return this.#request("GET", "/conversations/unread-count/count");
	}

	countUnreadIn(id: string): Promise<{ count: number }> {
		return this.#request("GET", path`/conversations/${id}/unread-count`);
	}

	/** Safe to repeat with the same clientId: the message is stored once. */
	sendMessage(conversationId: string, message: Draft & { clientId: string }): Promise<Message> {
		return this.#request("POST", path`/conversations/${conversationId}/messages`, { body: message });
	}

	/** Newest first; with `after` ascending from there. At most 100 a page. */
	listMessages(conversationId: string, query: { before?: number; after?: number; limit?: number } = {}): Promise<MessagePage> {
		return this.#request("GET", path`/conversations/${conversationId}/messages`, { query });
	}

	/** JPEG, PNG or WebP of at most 5 MB, straight to the storage. Then send a message of type IMAGE with its id. */
	async uploadImage(conversationId: string, image: Blob, filename = "image"): Promise<Image> {
		const images = path`/conversations/${conversationId}/messages/images`;
		const wanted = { filename, mimeType: image.type, sizeBytes: image.size };
		const upload: Upload = await this.#request("POST", `${images}/upload-url`, { body: wanted });
		await put(image, upload);
		return this.#request("POST", `${images}/confirm`, { body: { imageId: upload.imageId } });
	}

	/** With fresh URLs. */
	getImage(id: string): Promise<Image> {
		return this.#request("GET", path`/images/${id}`);
	}

	/** An image of one's own. Its message stays. */
	async deleteImage(id: string): Promise<void> {
		await this.#request("DELETE", path`/images/${id}`);
	}

	/** This message and everything before it is read. */
	markMessageRead(messageId: string): Promise<ReadState> {
		return this.#request("PATCH", path`/messages/${messageId}/read`);
	}

	/** What is new or changed since a `nextSince`; without one, the 50 most recent conversations. */
	sync(since?: string): Promise<SyncAnswer> {
		return this.#request("GET", "/sync", { query: { since } });
	}

	/** Of somebody with whom the caller shares a conversation. */
	getPresence(userId: string): Promise<Presence> {
		return this.#request("GET", path`/users/${userId}/presence`);
	}

	/** Role `platform`: registers a person, or changes one. */
	async putUser(id: string, user: NewUser): Promise<void> {
		await this.#request("PUT", path`/platform/users/${id}`, { body: user });
	}

	/** Role `platform`: erases a person. */
	async deleteUser(id: string): Promise<void> {
		await this.#request("DELETE", path`/platform/users/${id}`);
	}

	/** Role `platform`: two people may now write to each other. */
	async putApplication(id: string, application: NewApplication): Promise<void> {
		await this.#request("PUT", path`/platform/applications/${id}`, { body: application });
	}

	async #request<Result>(method: Method, path: string, { query, body }: { query?: Query; body?: object } = {}): Promise<Result> {
		const headers: Record<string, string> = { authorization: `Bearer ${await currentToken(this.#token)}` };
		if (body) headers["content-type"] = "application/json";
		const request = { method, headers, body: body ? JSON.stringify(body) : null };
		const { response, text } = await answered(this.#gateways, path + queryString(query), request);
		if (!response.ok) throw refusal(response, text);
		return (text === "" ? undefined : JSON.parse(text)) as Result;
	}
}

/** A GET without an answer is asked again: after a change of network, connections that were kept open break first. */
async function answered(
	gateways: Gateways,
	path: string,
	request: RequestInit,
	pausesMs = request.method === "GET" ? [100, 1000] : [],
): Promise<Answer> {
	const { current } = gateways;
	try {
		const response = await fetch(current + path, request);
		return { response, text: await response.text() };
	} catch (cause) {
		gateways.moveOn();
		const [pauseMs, ...later] = pausesMs;
		if (pauseMs === undefined) throw new ParleyApiError({ code: "NETWORK", message: `No answer from ${current}.` }, { cause });
		await new Promise((resolve) => setTimeout(resolve, pauseMs));
		return answered(gateways, path, request, later);
	}
}

async function put(image: Blob, { uploadUrl, method, headers }: Upload): Promise<void> {
	const message = "The image could not be uploaded.";
	const response = await fetch(uploadUrl, { method, headers, body: image }).catch((cause: unknown) => {
		throw new ParleyApiError({ code: "NETWORK", message }, { cause });
	});
	await response.arrayBuffer();
	if (!response.ok) throw new ParleyApiError({ code: "UNAVAILABLE", message, status: response.status });
}

function path(strings: TemplateStringsArray, ...ids: string[]): string {
	return String.raw({ raw: strings }, ...ids.map(encodeURIComponent));
}

function queryString(query: Query = {}): string {
	const given = new URLSearchParams();
	for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
	return given.size === 0 ? "" : `?${given}`;
}

/** A proxy on the way may answer something else than Parley's envelope. */
function refusal(response: Response, text: string): ParleyApiError {
	const { status } = response;
	const requestId = response.headers.get("x-request-id");
	let error: ErrorBody = { code: status === 503 ? "UNAVAILABLE" : "INTERNAL", message: `HTTP ${status}` };
	try {
		error = (JSON.parse(text) as { error?: ErrorBody }).error ?? error;
	} catch {}
	return new ParleyApiError({ ...error, status, ...(requestId !== null && { requestId }) });
}
