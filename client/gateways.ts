/**
 * The address of Parley: one URL (of a gateway or a load balancer), several gateways (the next one is tried when one fails), or a
 * function that is called whenever another gateway is needed. A slash at the end is optional.
 */
export type BaseUrl = string | readonly [string, ...string[]] | (() => string);

/** The gateway in use. Clients that share this object change the gateway together. */
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

	/** Selects the next gateway, unless `failed` is not the current one any more: several failed requests change it once. */
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
