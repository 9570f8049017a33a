import type { z } from "zod";
import { ParleyError } from "./errors.ts";

/** The parsed value. VALIDATION_FAILED with what is wrong; NOT_FOUND for the malformed id of a thing. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
	const parsed = schema.safeParse(value);
	if (parsed.success) return parsed.data;
	const { issues } = parsed.error;
	if (issues.some(({ message }) => message === "NOT_FOUND")) throw new ParleyError("NOT_FOUND");
	throw new ParleyError("VALIDATION_FAILED", { details: issues.map(({ path, message }) => ({ path: path.join("."), message })) });
}
