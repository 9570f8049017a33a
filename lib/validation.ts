import type { z } from "zod";
import { ParleyError } from "./errors.ts";

/** The most problems that an answer names, and the longest path: an answer must not grow with the size of a wrong request. */
const maxDetails = 20;
const maxPathLength = 200;

/** The parsed value. VALIDATION_FAILED with what is wrong; NOT_FOUND for a malformed id. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
	const parsed = schema.safeParse(value);
	if (parsed.success) return parsed.data;
	const { issues } = parsed.error;
	if (issues.some(({ message }) => message === "NOT_FOUND")) throw new ParleyError("NOT_FOUND");
	const details = issues
		.slice(0, maxDetails)
		.map(({ path, message }) => ({ path: path.join(".").slice(0, maxPathLength), message }));
	throw new ParleyError("VALIDATION_FAILED", { details });
}
