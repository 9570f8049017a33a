/**
 * Where Parley is: one address (of a gateway, or of what balances over them), several gateways of which the next is tried when
 * one goes away, or a function that names one whenever another is wanted. No slash at the end is needed.
 */
export type BaseUrl = string | readonly [string, ...string[]] | (() => string);

/** The gateway in use. What shares one moves together. */
export class Gateways {
	readonly #name: () => string;
	#current: string;

	constructor(baseUrl: BaseUrl) {
		this.#name = typeof baseUrl === "function" ? baseUrl : inTurn(typeof baseUrl === "string" ? [baseUrl] : baseUrl);
		this.#current = this.#name();
	}

	get current(): string {
		return this.#current.replace(/\/+$/, "");
	}

	/** `failed` did not work. Requests that failed there at the same time move on once: the first of them does. */
	moveOn(failed: string): void {
		if (failed !== this.current) return;
		try {
			this.#current = this.#name();
		} catch {
			// The function of the app failed. It is asked again at the next failure.
		}
	}
}

function inTurn(urls: readonly [string, ...string[]]): () => string {
	let turn = 0;
	return () => urls[turn++ % urls.length] ?? urls[0];
}
