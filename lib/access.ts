import { ParleyError } from "./errors.ts";
import type { Role } from "./token.ts";

/**
 * Who may call an action: data on its definition, enforced by middlewares/authorize.
 * - `internal`: Parley's own services; no gateway offers it.
 * - a role; for `user` also which parameter names a conversation, or a message or an image in one, that must be the caller's, or
 *   a person (`partner`) with whom the caller must share a conversation: a stranger meets NOT_FOUND. A parameter that is not
 *   there is not checked.
 */
export type Access = "internal" | { role: Exclude<Role, "user"> } | UserAccess;

export interface UserAccess {
	role: "user";
	conversation?: string;
	message?: string;
	image?: string;
	/** Only who uploaded the image, not the other participant. */
	uploader?: true;
	partner?: string;
}

/** Who is calling. */
export interface Caller {
	id: string;
	role: Role;
}

/** Travels with every call. */
export interface Meta {
	/** Absent when Parley itself calls: a timer, a sweep, an event. */
	user?: Caller;
	/** Set by the gateway for what came over a socket. */
	$via?: "socket";
	/** A rate limit has counted this request. */
	$counted?: true;
	$statusCode?: number;
	$location?: string;
	$responseHeaders?: Record<string, string>;
}

/** The user who calls. Authorize has let nobody else through to an action with a role. */
export function callerOf(ctx: { meta: Meta }): Caller {
	if (!ctx.meta.user) throw new ParleyError("UNAUTHENTICATED");
	return ctx.meta.user;
}
