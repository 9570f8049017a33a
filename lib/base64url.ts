/** Whether a text is this many bytes in base64url without padding, written in the one canonical way. */
export function isBase64url(text: string, bytes: number): boolean {
	const decoded = Buffer.from(text, "base64url");
	return decoded.length === bytes && decoded.toString("base64url") === text;
}
