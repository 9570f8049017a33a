import { ParleyApiError } from "./errors.ts";

/**
 * A token, or a function that returns one. The function is called before every request and every connection. `refused` is the last
 * token that the server did not accept. A source that caches tokens must not return that one again, even if it seems valid by the
 * device's clock.
 */
export type TokenSource = string | ((refused?: string) => string | Promise<string>);

/** Asks the token source. Clients that share this object also share the last refused token. */
export class Tokens {
	readonly #source: TokenSource;
	#refused: string | undefined;

	constructor(source: TokenSource) {
		this.#source = source;
	}

	/** Whether the source is a fixed token, so that a refusal is final. */
	get isFixed(): boolean {
		return typeof this.#source === "string";
	}

	/** Rejects with NETWORK when the source throws, gives no token, or takes longer. */
	async current(timeoutMs: number): Promise<string> {
		const source = this.#source;
		if (typeof source === "string") return source;
		let timer: ReturnType<typeof setTimeout> | undefined;
		const timeout = new Promise<never>((_, reject) => {
			timer = setTimeout(() => reject(new Error("It took too long.")), timeoutMs);
		});
		try {
			const token: unknown = await Promise.race([Promise.resolve(this.#refused).then(source), timeout]);
			if (typeof token !== "string" || token === "") throw new Error("It gave no token.");
			return token;
		} catch (cause) {
			throw new ParleyApiError({ code: "NETWORK", message: "The token source failed." }, { cause });
		} finally {
			clearTimeout(timer);
		}
	}

	refuse(token: string): void {
		this.#refused = token;
	}
}

/** Whether another token may be accepted. */
export function isTokenRefusal({ code }: { code: string }): boolean {
	return code === "UNAUTHENTICATED" || code === "TOKEN_EXPIRED";
}
