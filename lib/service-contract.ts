import type { z } from "zod";
import type { Access } from "./access.ts";
import type { ErrorCode } from "./errors.ts";
import type { RateLimit } from "./rate.ts";

/** What everybody needs to know of an action: data that middlewares enforce, that the gateway makes routes of, and that documents show. */
export interface ActionContract {
	params: z.ZodType;
	result: z.ZodType;
	/** Who may call it; enforced by middlewares/authorize. */
	access: Access;
	/** As what a user's calls are counted; enforced by middlewares/rate-limit. Without one they are not. */
	rateLimit?: RateLimit;
	/** The routes of REST that lead to it; path parameters have the names of the action's own. None: it is not offered over REST. */
	routes?: Route[];
	/** The HTTP statuses of success, the usual one first; 200 unless said. */
	statuses?: (200 | 201 | 202 | 204)[];
	/** A socket may name it in `call`. */
	isSocketQuery?: true;
	/** The codes with which it refuses a well-formed request that `access` lets through. What any action may answer is not repeated. */
	errors?: ErrorCode[];
}

export type Route = `${"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} /${string}`;

/** What a service offers to others: its actions, and the events it emits (by their full names). */
export interface ServiceContract {
	actions: Record<string, ActionContract>;
	events: Record<string, z.ZodType>;
}
