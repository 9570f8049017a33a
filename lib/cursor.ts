import type { z } from "zod";
import { ParleyError } from "./errors.ts";

/** The position of a list's last item, as an opaque text for the client to give back. */
export function encodeCursor(position: unknown): string {
	return Buffer.from(JSON.stringify(position)).toString("base64url");
}

/** @throws VALIDATION_FAILED for what `encodeCursor` never made */
export function decodeCursor<Position>(cursor: string, schema: z.ZodType<Position>): Position {
	try {
		return schema.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
	} catch (cause) {
		throw new ParleyError("VALIDATION_FAILED", { details: [{ path: "cursor", message: "is not a cursor of this list" }], cause });
	}
}
