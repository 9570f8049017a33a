import { idsPerCall } from "../../lib/chunks.ts";
import type { Calls, Result } from "../contracts.ts";

type Message = Result<"messages.pick">[number];
export type Position = Pick<Message, "conversationId" | "seq">;

/** The messages at these positions, by `positionKey`. Positions without a message are left out. */
export async function messagesAt(calls: Pick<Calls, "call">, positions: Position[]): Promise<Map<string, Message>> {
	const found = new Map<string, Message>();
	let rest = positions;
	while (rest.length > 0) {
		const asked = rest.slice(0, idsPerCall);
		const messages = await calls.call("messages.pick", { positions: asked });
		for (const message of messages) found.set(positionKey(message), message);
		// An answer that would be too large ends early. Positions without a message before its end do not exist.
		const last = messages.at(-1);
		const end = last ? asked.findLastIndex((at) => positionKey(at) === positionKey(last)) : -1;
		rest = rest.slice(end < 0 ? asked.length : end + 1);
	}
	return found;
}

export const positionKey = ({ conversationId, seq }: Position) => `${conversationId} ${seq}`;
