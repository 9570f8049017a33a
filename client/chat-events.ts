import { ParleyApiError } from "./errors.ts";
import type { ErrorBody, Message, ServerEvents } from "./types.ts";

/**
 * The events of `ChatClient`: the server's events, with `message` in place of `message_sent` and `message_received`, and the state of
 * the connection.
 */
export interface ChatEvents extends Omit<ServerEvents, "message_sent" | "message_received" | "error"> {
	/** A new message, by any participant: each once, in seq order, whether it was pushed or came by `sync`. */
	message: { message: Message };
	connected: Record<never, never>;
	/** The client reconnects by itself. */
	disconnected: { reason: string };
	/**
	 * The server did not accept the token. If that is final (the token is a fixed string, or its role may not connect), all sends are
	 * rejected, and only `connect` tries again. Otherwise the token source is asked again, after pauses that grow.
	 */
	refused: ErrorBody & { isFinal: boolean };
	/** The client has caught up. The states of these conversations have what was missed. */
	synced: { conversationIds: string[] };
	/**
	 * Something in the background failed: the server sent an error, or catching up failed (it is tried again), or a handler of the
	 * app threw or rejected (`HANDLER_FAILED`, with the thrown value as `cause`). What a handler of this event throws is dropped.
	 */
	error: Omit<ErrorBody, "code"> & { code: ParleyApiError["code"] | "HANDLER_FAILED"; cause?: unknown };
}

/** The payload of `refused`. */
export function refusedEventOf({ code, message, details }: ParleyApiError, isFinal: boolean): ChatEvents["refused"] {
	// A refusal comes from the server, so its code is one of the server's.
	return { code: code as ErrorBody["code"], message, isFinal, ...(details !== undefined && { details }) };
}

/** The payload of an `error` event. */
export function errorEventOf(error: unknown): ChatEvents["error"] {
	const { code, message } = error instanceof ParleyApiError ? error : { code: "INTERNAL" as const, message: String(error) };
	return { code, message };
}
