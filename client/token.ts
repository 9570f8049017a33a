import { ParleyApiError } from "./errors.ts";

/**
 * A token, or a way to get a fresh one: asked before every request and at every connection. `refused` is the token that the server
 * did not accept last: whoever keeps tokens must not give that one again, however good it looks by the device's clock.
 */
export type TokenSource = string | ((refused?: string) => string | Promise<string>);

/** A token source as the client asks it. What shares one remembers the same refusal. */
export class Tokens {
	readonly #source: TokenSource;
	#refused: string | undefined;

	constructor(source: TokenSource) {
		this.#source = source;
	}

	/** Whether a token that is refused is the last word. */
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
