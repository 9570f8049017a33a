import type { z } from "zod";
import { ParleyError } from "./errors.ts";

/** A JSON-safe value as an opaque text, which the client gives back to get the next page. */
export function encodeCursor(value: unknown): string {
	return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** The value of a cursor. VALIDATION_FAILED for a text that is not a cursor of this `schema`. */
export function decodeCursor<Value>(cursor: string, schema: z.ZodType<Value>): Value {
	try {
		return schema.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
	} catch (cause) {
		throw new ParleyError("VALIDATION_FAILED", { details: [{ path: "cursor", message: "is not a cursor of this list" }], cause });
	}
}
