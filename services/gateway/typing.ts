import { callAs, type Desk } from "./desk.ts";
import type { ClientSocket } from "./sockets.ts";

/** The device that types is remembered, so that its typing ends when it goes. */
export async function setTyping(desk: Desk, socket: ClientSocket, conversationId: string, typing: boolean): Promise<void> {
	await callAs(desk, socket, "presence.typing", { conversationId, typing });
	socket.data.typing ??= new Set();
	if (typing) socket.data.typing.add(conversationId);
	else socket.data.typing.delete(conversationId);
}
