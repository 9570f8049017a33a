import { type ErrorCode, errorCatalogue, ParleyError, publicError } from "../../lib/errors.ts";
import { cutSoon, type EngineConnection } from "./engine-connection.ts";
import type { GatewayContext } from "./gateway-context.ts";
import type { ClientSocket } from "./sockets.ts";
import type { Verified } from "./token-verifier.ts";
import { setTyping } from "./typing.ts";
import { retryAfterSeconds } from "./unauthenticated.ts";

/** How long a socket may stay without having authenticated. */
const authenticateWithinMs = 5_000;

/** The longest delay that a timer takes. */
const maxDelayMs = 2 ** 31 - 1;

/** A socket that came without a token must authenticate soon. */
export function awaitAuthentication(socket: ClientSocket): void {
	socket.data.deadline = setTimeout(() => expel(socket, "UNAUTHENTICATED"), authenticateWithinMs);
}

/**
 * The socket speaks for this caller until the token expires. A renewal must be for the same caller: what a socket has been
 * told must not be taken for another's. Only users are delivered to: another role's `sub` may equal a user's id by chance.
 * Resolves when the registry knows, so that a client which is connected misses no push; without the registry it waits for a moment
 * only. RATE_LIMITED when the user has too many sockets here. UNAVAILABLE when the connection broke while the token was looked at: it would never say that it has gone.
 */
export async function signIn(gateway: GatewayContext, socket: ClientSocket, verified: Verified): Promise<void> {
	const { caller, expiresAtMs } = verified;
	if (socket.conn.readyState !== "open") throw new ParleyError("UNAVAILABLE");
	const known = socket.data.verified?.caller;
	if (known && (known.id !== caller.id || known.role !== caller.role)) throw new ParleyError("FORBIDDEN");
	if (!known && gateway.sockets.of(caller.id).length >= gateway.maxSocketsPerUser)
		throw new ParleyError("RATE_LIMITED", { details: { retryAfterSeconds } });
	socket.data.verified = verified;
	gateway.unauthenticated.admit(socket.conn);
	closeAt(socket, expiresAtMs);
	if (known) return;
	// A connection that breaks before it is one of the namespace never says `disconnect`.
	socket.conn.once("close", () => signOut(gateway, socket));
	if (caller.role !== "user") return;
	gateway.sockets.add(caller.id, socket);
	gateway.redelivery.soon(caller.id);
	await gateway.presence.report(caller.id);
}

/** To be called when the socket has gone; a second time is harmless. */
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

/** Tells the client why, and closes its connection. */
export function expel(socket: ClientSocket, code: ErrorCode): void {
	socket.emit("error", { code, message: errorCatalogue[code].message });
	cutSoon(socket.conn as unknown as EngineConnection);
	socket.disconnect(true);
}

/** In the form in which socket.io passes a refused connection on: `err.data` is for the client. */
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
