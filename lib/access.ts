import { ParleyError } from "./errors.ts";
import type { Role } from "./token.ts";

/**
 * Who may call an action: data on its contract, enforced by middlewares/authorize.
 * - `internal`: only Parley's own services. No gateway offers the action.
 * - `anyone`: no token is needed, and one that is sent is not looked at. The action itself decides by its parameters. REST only.
 * - A role: only callers of this role. For `user`, the other fields name the parameters that are checked as well. The answer is
 *   NOT_FOUND when the conversation, message, image or user is not the caller's. A missing parameter is not checked.
 */
export type Access = "internal" | "anyone" | RoleAccess;

export type RoleAccess = { role: Exclude<Role, "user"> } | UserAccess;

export interface UserAccess {
	role: "user";
	/** The parameter with a conversation's id. The caller must take part in it. */
	conversation?: string;
	/** The parameter with a message's id. The caller must take part in its conversation. */
	message?: string;
	/** The parameter with an image's id. The caller must take part in its conversation. */
	image?: string;
	/** Only the uploader of the image, not the other participant. */
	uploader?: true;
	/** The parameter with a user's id. The caller must share a conversation with that user. */
	partner?: string;
}

/** Who is calling. */
export interface Caller {
	id: string;
	role: Role;
}

/** Moleculer passes this on with every call, also with nested ones. */
export interface Meta {
	/** Absent when Parley itself calls: a timer, a sweep, an event. */
	user?: Caller;
	/** Set by the gateway on requests that came over a socket. */
	$via?: "socket";
	/** A rate limit has counted this request. */
	$counted?: true;
	$statusCode?: number;
	$location?: string;
	/** The content type of an answer that is a string. Without it the answer is JSON. */
	$responseType?: string;
	$responseHeaders?: Record<string, string>;
}

/** The user who calls. An action with a role always has one (authorize refuses calls without a user), one for anyone never. */
export function callerOf(ctx: { meta: Meta }): Caller {
	if (!ctx.meta.user) throw new ParleyError("UNAUTHENTICATED");
	return ctx.meta.user;
}
