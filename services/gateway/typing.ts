import { callsOf } from "../contracts.ts";
import { callAs, type GatewayContext } from "./gateway-context.ts";
import type { ClientSocket } from "./sockets.ts";

/** The device that types is remembered, so that its typing ends when it goes. */
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

/** How long the answer is worth waiting for: typing is over after 3 s. */
const typistsTimeoutMs = 1_000;

/**
 * Tells a socket that has joined a conversation which of the others type in it. They are asked after once more: who stopped while
 * the first answer was on its way was said to stop before the socket heard of a beginning.
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
