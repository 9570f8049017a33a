import { callsOf } from "../contracts.ts";
import { callAs, type GatewayContext } from "./gateway-context.ts";
import type { ClientSocket } from "./sockets.ts";

/** Reports that the user types or has stopped. The socket keeps the conversation, so that typing ends when it disconnects. */
export async function setTyping(
	gateway: GatewayContext,
	socket: ClientSocket,
	conversationId: string,
	typing: boolean,
): Promise<void> {
	await callAs(gateway, socket, "presence.typing", { conversationId, typing });
	socket.data.typing ??= new Set();
	if (typing) socket.data.typing.add(conversationId);
	else socket.data.typing.delete(conversationId);
}

/** A later answer would be useless: typing ends by itself after 3 s. */
const typistsTimeoutMs = 1_000;

/**
 * Tells a socket that has joined a conversation which of the other participants are typing. Then it asks once more: if someone
 * stopped while the first answer was under way, the socket got that event before it got the beginning.
 */
export async function tellTypists(
	gateway: GatewayContext,
	socket: ClientSocket,
	conversationId: string,
	userIds: string[],
): Promise<void> {
	const typing = await typistsAmong(gateway, conversationId, userIds);
	for (const userId of typing) socket.emit("user_typing", { conversationId, userId, typing: true });
	if (typing.length === 0) return;
	const still = await typistsAmong(gateway, conversationId, typing);
	for (const userId of typing) {
		if (!still.includes(userId)) socket.emit("user_typing", { conversationId, userId, typing: false });
	}
}

async function typistsAmong(gateway: GatewayContext, conversationId: string, userIds: string[]): Promise<string[]> {
	const options = { timeout: typistsTimeoutMs, retries: 0 };
	return (await callsOf(gateway.broker).call("presence.typists", { conversationId, userIds }, options)).userIds;
}
