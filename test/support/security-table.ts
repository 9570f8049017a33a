import { randomUUID } from "node:crypto";
import type { ActionName } from "../../services/contracts.ts";
import type { ClientEventName } from "../../services/gateway/gateway.contract.ts";

/**
 * Who may do what. Written down from docs/protocol.md, and not from the contracts: the test of this table compares the two. It fails
 * when an action, a route, an event or a query is missing here.
 *
 * - `person`: every registered person; the answer is about the caller's own things.
 * - `participant`: the people of the conversation, the message, the image or the job application, and people who share a conversation
 *   with the person who is asked for.
 * - `uploader`: who uploaded the image, not the other participant.
 * - `owner`: whose device it is.
 * - `platform`: the hiring platform.
 * - `admin`: administrators.
 * - `anyone`: everybody, also without a token or with a wrong one.
 */
export type Right = "person" | "participant" | "uploader" | "owner" | "platform" | "admin" | "anyone";

/** What the callers of the test ask for. Each participant wrote, and uploaded images, in one conversation. */
export interface Place {
	conversationId: string;
	jobApplicationId: string;
	messageId: string;
	/** Confirmed. */
	imageId: string;
	/** Confirmed, and there to be deleted. */
	spareImageId: string;
	/** A device of the participant. */
	deviceId: string;
	/** The other participant. */
	partnerId: string;
}

/** What is the same for all callers. */
export interface Things {
	applicantId: string;
	employerId: string;
	/** Somebody whom the platform may erase. */
	leavingId: string;
	/** One that was given up. */
	deadNotificationId: string;
	/** From a mail to somebody. */
	unsubscribeToken: string;
}

export interface Way {
	/** `GET /conversations`, `event sync` or `call messages.list`. */
	name: string;
	/** The action behind it; null where the gateway answers by itself. */
	action: ActionName | null;
	may: Right;
	/** The status of success of a route; `ok` of an event or query. */
	success: string;
	params(place: Place, things: Things, token: string): Record<string, unknown>;
}

type Params = Way["params"];
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

const nothing: Params = () => ({});
const conversation: Params = ({ conversationId }) => ({ conversationId });
const image: Params = ({ imageId }) => ({ imageId });
const message: Params = ({ messageId }) => ({ messageId });
const partner: Params = ({ partnerId }) => ({ userId: partnerId });
const draft: Params = ({ conversationId }) => ({ conversationId, clientId: randomUUID(), content: "hello" });
const search: Params = () => ({ q: "hello" });
const searchHere: Params = ({ conversationId }) => ({ conversationId, q: "hello" });
const application: Params = (_place, { applicantId, employerId }) => ({
	id: `application-${randomUUID()}`,
	applicantId,
	employerId,
	jobTitle: "Cook",
	status: "OPEN",
});
const settings: Params = () => ({
	newMessage: { inApp: true, email: false, push: true },
	quietHours: { enabled: true, start: "22:00", end: "07:00", timezone: "Europe/Vienna" },
	digest: { enabled: true, windowMinutes: 15 },
});
const device: Params = () => ({ kind: "fcm", token: randomUUID() });
const unsubscribing: Params = (_place, { unsubscribeToken }) => ({ token: unsubscribeToken });
const upload: Params = ({ conversationId }) => ({
	conversationId,
	filename: "photo.png",
	mimeType: "image/png",
	sizeBytes: 100,
});

export const ways: Way[] = [
	route("POST /conversations", 200, "conversations.create", "participant", ({ jobApplicationId }) => ({ jobApplicationId })),
	route("GET /conversations", 200, "conversations.list", "person", nothing),
	route("GET /conversations/:conversationId", 200, "conversations.get", "participant", conversation),
	route("GET /conversations/:conversationId/metadata", 200, "conversations.metadata", "participant", conversation),
	route("GET /conversations/unread-count/count", 200, "conversations.unreadCount", "person", nothing),
	route("GET /conversations/:conversationId/unread-count", 200, "conversations.unreadCount", "participant", conversation),
	route("PUT /conversations/:conversationId/mute", 200, "conversations.mute", "participant", ({ conversationId }) => ({
		conversationId,
		until: "2099-01-01T00:00:00.000Z",
	})),
	route("PATCH /conversations/:conversationId/archive", 200, "conversations.archive", "participant", conversation),
	route("PATCH /conversations/:conversationId/reopen", 200, "conversations.reopen", "participant", conversation),
	route("GET /sync", 200, "conversations.sync", "person", nothing),
	route("POST /conversations/:conversationId/messages", 201, "messages.send", "participant", draft),
	route("GET /conversations/:conversationId/messages", 200, "messages.list", "participant", conversation),
	route("GET /conversations/:conversationId/messages/search", 200, "messages.search", "participant", searchHere),
	route("GET /messages/search", 200, "messages.search", "person", search),
	route("PATCH /conversations/:conversationId/read", 200, "messages.markRead", "participant", conversation),
	route("PATCH /messages/:messageId/read", 200, "messages.markRead", "participant", message),
	route("POST /conversations/:conversationId/messages/images/upload-url", 201, "media.requestUpload", "participant", upload),
	route(
		"POST /conversations/:conversationId/messages/images/confirm",
		200,
		"media.confirm",
		"uploader",
		({ conversationId, imageId }) => ({ conversationId, imageId }),
	),
	route("GET /images/:imageId", 200, "media.get", "participant", image),
	route("DELETE /images/:imageId", 204, "media.delete", "uploader", ({ spareImageId }) => ({ imageId: spareImageId })),
	route("GET /users/:userId/presence", 200, "presence.get", "participant", partner),
	route("GET /notifications/settings", 200, "notifier.settings", "person", nothing),
	route("PUT /notifications/settings", 200, "notifier.putSettings", "person", settings),
	route("GET /notifications/devices", 200, "notifier.devices", "person", nothing),
	route("POST /notifications/devices", 201, "notifier.addDevice", "person", device),
	route("DELETE /notifications/devices/:id", 204, "notifier.deleteDevice", "owner", ({ deviceId }) => ({ id: deviceId })),
	route("GET /admin/notifications/dead", 200, "notifier.dead", "admin", nothing),
	route("POST /admin/notifications/:id/retry", 202, "notifier.retry", "admin", (_place, { deadNotificationId }) => ({
		id: deadNotificationId,
	})),
	route("GET /notifications/vapid-key", 200, "notifier.vapidKey", "anyone", nothing),
	route("GET /notifications/unsubscribe", 200, "notifier.askToUnsubscribe", "anyone", unsubscribing),
	route("POST /notifications/unsubscribe", 200, "notifier.unsubscribe", "anyone", unsubscribing),
	route("PUT /platform/users/:id", 200, "users.put", "platform", () => ({ id: `user-${randomUUID()}`, name: "Mallory" })),
	route("DELETE /platform/users/:id", 204, "users.erase", "platform", (_place, { leavingId }) => ({ id: leavingId })),
	route("PUT /platform/applications/:id", 200, "applications.put", "platform", application),

	event("authenticate", null, "person", (_place, _things, token) => ({ token })),
	event("join_conversation", "conversations.get", "participant", conversation),
	event("leave_conversation", "conversations.get", "participant", conversation),
	event("send_message", "messages.send", "participant", draft),
	event("mark_read", "messages.markRead", "participant", conversation),
	event("mark_read", "messages.markRead", "participant", message),
	event("typing_start", "presence.typing", "participant", conversation),
	event("typing_stop", "presence.typing", "participant", conversation),
	event("set_presence", null, "person", () => ({ status: "online" })),
	event("sync", "conversations.sync", "person", nothing),

	query("conversations.list", "person", nothing),
	query("conversations.get", "participant", conversation),
	query("conversations.metadata", "participant", conversation),
	query("conversations.unreadCount", "person", nothing),
	query("conversations.unreadCount", "participant", conversation),
	query("messages.list", "participant", conversation),
	query("messages.search", "person", search),
	query("messages.search", "participant", searchHere),
	query("media.get", "participant", image),
	query("presence.get", "participant", partner),
];

/** Nobody outside may call these: neither a route nor an event nor a query leads there. */
export const internalActions: ActionName[] = [
	"applications.forgetRenamed",
	"applications.get",
	"applications.open",
	"applications.renamed",
	"applications.titles",
	"conversations.health",
	"conversations.levels",
	"conversations.participants",
	"conversations.partners",
	"conversations.share",
	"conversations.totals",
	"gateway.activity",
	"gateway.deliver",
	"media.claim",
	"media.cleanUp",
	"media.health",
	"media.locate",
	"media.reconcile",
	"media.release",
	"media.sign",
	"messages.backlog",
	"messages.changes",
	"messages.dropImage",
	"messages.health",
	"messages.imageUses",
	"messages.locate",
	"messages.markDelivered",
	"messages.pick",
	"messages.undelivered",
	"notifier.health",
	"presence.locate",
	"presence.lookup",
	"presence.renew",
	"presence.report",
	"presence.typists",
	"users.active",
	"users.contacts",
	"users.forgetRenamed",
	"users.locales",
	"users.names",
	"users.renamed",
];

function route(name: `${Method} /${string}`, status: number, action: ActionName, may: Right, params: Params): Way {
	return { name, action, may, success: String(status), params };
}

function event(name: ClientEventName, action: ActionName | null, may: Right, params: Params): Way {
	return { name: `event ${name}`, action, may, success: "ok", params };
}

function query(action: ActionName, may: Right, params: Params): Way {
	return { name: `call ${action}`, action, may, success: "ok", params };
}
