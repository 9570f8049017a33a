import { ParleyError } from "../../lib/errors.ts";
import type { Params } from "../contracts.ts";
import { plainText } from "./plain-text.ts";

/**
 * What is stored of a draft's content: plain text without HTML tags, or null. VALIDATION_FAILED when nothing is left of a message that
 * needs a text.
 */
export function storedContent({ type, content }: Pick<Params<"messages.send">, "type" | "content">): string | null {
	const text = content === null ? "" : plainText(content);
	if (text !== "") return text;
	if (type !== "TEXT") return null;
	throw new ParleyError("VALIDATION_FAILED", { details: [{ path: "content", message: "must not be empty" }] });
}
