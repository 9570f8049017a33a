import type { Caller, Ctx } from "./contracts.ts";
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

/** The user who calls. Authorize has let nobody else through to an action with a role. */
export function callerOf(ctx: Ctx): Caller {
	if (!ctx.meta.user) throw new ParleyError("UNAUTHENTICATED");
	return ctx.meta.user;
}
