/** A token, or a way to get a fresh one: asked before every request and at every connection. */
export type TokenSource = string | (() => string | Promise<string>);

export async function currentToken(source: TokenSource): Promise<string> {
	return typeof source === "function" ? source() : source;
}
