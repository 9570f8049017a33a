import { type ErrorCode, errorCatalogue, ParleyError, publicError } from "../../lib/errors.ts";
import { cutSoon, engineConnectionOf } from "./engine-connection.ts";
import type { GatewayContext } from "./gateway-context.ts";
import type { ClientSocket } from "./sockets.ts";
import type { Verified } from "./token-verifier.ts";
import { setTyping } from "./typing.ts";
import { retryAfterSeconds } from "./unauthenticated.ts";

/** How long a socket may stay unauthenticated. */
const authenticateWithinMs = 5_000;

/** The longest delay of a timer in Node. */
const maxDelayMs = 2 ** 31 - 1;

/** Closes a socket that connected without a token, unless it authenticates soon. */
export function awaitAuthentication(socket: ClientSocket): void {
	socket.data.deadline = setTimeout(() => expel(socket, "UNAUTHENTICATED"), authenticateWithinMs);
}

/**
 * Signs the socket in as this caller until the token expires. Resolves when the registry has the user, so that a connected client
 * misses no push; if the registry does not answer, after 0.5 s.
 *
 * Only users get pushes: the `sub` of another role may equal a user's id by chance. FORBIDDEN when a renewal is for another caller,
 * since the client has already received what was meant for the first one. RATE_LIMITED when the user has too many sockets here.
 * UNAVAILABLE when the connection broke while the token was verified: its close event is over, so it would stay registered.
 */
export async function signIn(gateway: GatewayContext, socket: ClientSocket, verified: Verified): Promise<void> {
	const { caller, expiresAtMs } = verified;
	if (socket.conn.readyState !== "open") throw new ParleyError("UNAVAILABLE");
	const known = socket.data.verified?.caller;
	if (known && (known.id !== caller.id || known.role !== caller.role)) throw new ParleyError("FORBIDDEN");
	if (!known && gateway.sockets.of(caller.id).length >= gateway.maxSocketsPerUser)
		throw new ParleyError("RATE_LIMITED", { details: { retryAfterSeconds } });
	socket.data.verified = verified;
	gateway.unauthenticated.admit(engineConnectionOf(socket));
	closeAt(socket, expiresAtMs);
	if (known) return;
	// A connection that breaks before it has joined the namespace emits no `disconnect`.
	socket.conn.once("close", () => signOut(gateway, socket));
	if (caller.role !== "user") return;
	gateway.sockets.add(caller.id, socket);
	gateway.redelivery.checkSoon(caller.id);
	await gateway.presence.report(caller.id);
}

/** To be called when the socket has disconnected. A second call does nothing. */
export function signOut(gateway: GatewayContext, socket: ClientSocket): void {
	clearTimeout(socket.data.deadline);
	const { verified } = socket.data;
	if (!verified || !gateway.sockets.remove(verified.caller.id, socket)) return;
	void gateway.presence.report(verified.caller.id);
	for (const conversationId of socket.data.typing ?? []) {
		setTyping(gateway, socket, conversationId, false).catch((error: unknown) =>
			gateway.logger.debug("Typing ends by itself:", error),
		);
	}
}

/** Sends the client an error, and closes its connection. */
export function expel(socket: ClientSocket, code: ErrorCode): void {
	socket.emit("error", { code, message: errorCatalogue[code].message });
	cutSoon(engineConnectionOf(socket));
	socket.disconnect(true);
}

/** The error with which a socket.io middleware refuses a connection. The client gets `data`. */
export function connectError(error: unknown): Error {
	const shown = publicError(error);
	return Object.assign(new Error(shown.message), { data: shown });
}

function closeAt(socket: ClientSocket, expiresAtMs: number): void {
	clearTimeout(socket.data.deadline);
	const leftMs = expiresAtMs - Date.now();
	socket.data.deadline =
		leftMs > maxDelayMs
			? setTimeout(() => closeAt(socket, expiresAtMs), maxDelayMs)
			: setTimeout(() => expel(socket, "TOKEN_EXPIRED"), leftMs);
}
