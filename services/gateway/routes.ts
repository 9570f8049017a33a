/** What clients call over HTTP, and the action behind it. Path parameters bear the names of the action's own. */
export const routes: Record<string, string> = {
	"POST /conversations": "conversations.create",
	"GET /conversations": "conversations.list",
	"GET /conversations/unread-count/count": "conversations.unreadCount",
	"GET /conversations/:conversationId": "conversations.get",
	"GET /conversations/:conversationId/metadata": "conversations.metadata",
	"GET /conversations/:conversationId/unread-count": "conversations.unreadCount",
	"PATCH /conversations/:conversationId/archive": "conversations.archive",
	"PATCH /conversations/:conversationId/reopen": "conversations.reopen",
	"PUT /conversations/:conversationId/mute": "conversations.mute",
	"PATCH /conversations/:conversationId/read": "messages.markRead",
	"POST /conversations/:conversationId/messages": "messages.send",
	"GET /conversations/:conversationId/messages": "messages.list",
	"GET /conversations/:conversationId/messages/search": "messages.search",
	"GET /messages/search": "messages.search",
	"POST /conversations/:conversationId/messages/images/upload-url": "media.requestUpload",
	"POST /conversations/:conversationId/messages/images/confirm": "media.confirm",
	"GET /images/:imageId": "media.get",
	"DELETE /images/:imageId": "media.delete",
	"PATCH /messages/:messageId/read": "messages.markRead",
	"GET /sync": "conversations.sync",
	"GET /users/:userId/presence": "presence.get",
	"PUT /platform/users/:id": "users.put",
	"DELETE /platform/users/:id": "users.erase",
	"PUT /platform/applications/:id": "applications.put",
};

/** The actions that a socket's `call` may name. */
export const queries = new Set([
	"conversations.list",
	"conversations.get",
	"conversations.metadata",
	"conversations.unreadCount",
	"messages.list",
	"media.get",
	"messages.search",
	"presence.get",
]);
