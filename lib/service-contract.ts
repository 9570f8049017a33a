import type { z } from "zod";
import type { Access } from "./access.ts";
import type { ErrorCode } from "./error-catalogue.ts";
import type { RateLimit } from "./rate.ts";

/**
 * Everything about an action that others need to know, as data: middlewares enforce it, the gateway makes routes of it, and
 * documents show it. A contract imports only zod and pure functions, so that a tool can read it without starting anything.
 */
export interface ActionContract {
	/** What the action does, in one or two sentences. */
	description: string;
	/** `.meta({ examples })` of a public action's params has at least one whole request. */
	params: z.ZodType;
	result: z.ZodType;
	/** Who may call it; enforced by middlewares/authorize. Every action that is not `internal` can be called from outside. */
	access: Access;
	/** The limit under which a user's calls are counted; enforced by middlewares/rate-limit. Without one they are not counted. */
	rateLimit?: RateLimit;
	/** The REST routes of the action. Path parameters have the names of its params. Without any it is not offered over REST. */
	routes?: Route[];
	/** The HTTP statuses of success, the usual one first. Default: 200. */
	statuses?: (200 | 201 | 202 | 204)[];
	/** A socket may name it in `call`. */
	isSocketQuery?: true;
	/**
	 * The codes that only this action's own rules answer with. `impliedErrors` gives the others. A public action must have the
	 * list.
	 */
	errors?: readonly ErrorCode[];
}

export type Route = `${"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} /${string}`;

/** What a service offers to others: its actions, and the events that it emits (by their full names). */
export interface ServiceContract {
	actions: Record<string, ActionContract>;
	/** The payload of each event; `.meta({ description })` says when it is emitted. */
	events: Record<string, z.ZodType>;
}

/**
 * The codes that an action may answer with because of what its contract says. `errors` of a contract does not repeat them.
 *
 * - Every action: VALIDATION_FAILED for wrong params, UNAVAILABLE when a service or server is unavailable or busy, INTERNAL.
 * - `access` with a role: UNAUTHENTICATED, TOKEN_EXPIRED, FORBIDDEN. If it also names a parameter: NOT_FOUND when
 *   what that identifies does not exist or is not the caller's.
 * - `access` for anyone: RATE_LIMITED after too many failures from the caller's address.
 * - `rateLimit`: RATE_LIMITED. Every action answers with it after too many failed authentications from the caller's address.
 * - A route with a body: MALFORMED_JSON, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE.
 */
export function impliedErrors({ access, routes = [] }: Pick<ActionContract, "access" | "routes">): ErrorCode[] {
	const codes: ErrorCode[] = ["VALIDATION_FAILED"];
	if (access === "anyone") codes.push("RATE_LIMITED");
	else if (access !== "internal") {
		codes.push("UNAUTHENTICATED", "TOKEN_EXPIRED", "FORBIDDEN", "RATE_LIMITED");
		if (Object.keys(access).length > 1) codes.push("NOT_FOUND");
	}
	if (routes.some((route) => /^(?:POST|PUT|PATCH) /.test(route))) {
		codes.push("MALFORMED_JSON", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE");
	}
	return [...codes, "UNAVAILABLE", "INTERNAL"];
}
