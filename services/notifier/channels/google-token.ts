import type { Agent } from "node:http";
import { SignJWT } from "jose";
import { z } from "zod";
import type { Outcome } from "./channel.ts";
import type { FcmSettings } from "./fcm.ts";
import { outcomeOfStatus } from "./outcomes.ts";
import { post } from "./post.ts";

type Account = Pick<FcmSettings, "clientEmail" | "keyId" | "privateKey" | "tokenUri">;

/**
 * Access tokens of a service account (RFC 7523). Not google-auth-library: its version 11 ignores the `token_uri` of the account and
 * repeats requests for longer than an attempt may take.
 */
export class AccessTokens {
	readonly #account: Account;
	readonly #agentFor: (url: URL) => Agent;
	readonly #timeoutMs: number;
	#current: { token: string; renewAt: number } | undefined;
	#asking: Promise<string | Outcome> | undefined;

	constructor(account: Account, agentFor: (url: URL) => Agent, timeoutMs: number) {
		this.#account = account;
		this.#agentFor = agentFor;
		this.#timeoutMs = timeoutMs;
	}

	/** All who ask at the same time wait for one request. When Google refuses, resolves with what that means for the push. */
	async get(): Promise<string | Outcome> {
		if (this.#current && Date.now() < this.#current.renewAt) return this.#current.token;
		this.#asking ??= this.#ask().finally(() => {
			this.#asking = undefined;
		});
		return this.#asking;
	}

	/** The token is not used any more. */
	forget(token: string): void {
		if (this.#current?.token === token) this.#current = undefined;
	}

	async #ask(): Promise<string | Outcome> {
		const { tokenUri } = this.#account;
		const url = new URL(tokenUri);
		const grant = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: await this.#assertion() };
		const { status, headers, text } = await post(url, {
			agent: this.#agentFor(url),
			headers: { "Content-Type": "application/x-www-form-urlencoded" },
			body: String(new URLSearchParams(grant)),
			timeoutMs: this.#timeoutMs,
		});
		const reason = `no access token: HTTP ${status}`;
		const outcome = outcomeOfStatus(status, reason, headers);
		if (outcome.kind !== "accepted") return outcome;
		const granted = grantOf(text);
		if (!granted) return { kind: "failed", reason: "no access token in the answer" };
		this.#current = { token: granted.access_token, renewAt: Date.now() + (granted.expires_in - renewSeconds) * 1_000 };
		return granted.access_token;
	}

	#assertion(): Promise<string> {
		const { clientEmail, keyId, privateKey, tokenUri } = this.#account;
		return new SignJWT({ scope: "https://www.googleapis.com/auth/firebase.messaging" })
			.setProtectedHeader({ alg: "RS256", typ: "JWT", ...(keyId === undefined ? {} : { kid: keyId }) })
			.setIssuer(clientEmail)
			.setAudience(tokenUri)
			.setIssuedAt()
			.setExpirationTime("1h")
			.sign(privateKey);
	}
}

/** A token is replaced this long before its end, because clocks differ and a request takes time. */
const renewSeconds = 60;

const grant = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

function grantOf(text: string): z.infer<typeof grant> | undefined {
	try {
		return grant.parse(JSON.parse(text));
	} catch {
		return undefined;
	}
}
