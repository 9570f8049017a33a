import { createRemoteJWKSet, errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";
import type { Caller } from "../../lib/access.ts";
import type { Config } from "../../lib/config/config.ts";
import { ParleyError } from "../../lib/errors.ts";
import { PlatformId } from "../../lib/schemas.ts";
import { type Role, roles } from "../../lib/token.ts";

export interface Verified {
	caller: Caller;
	/** Milliseconds since 1970. */
	expiresAtMs: number;
}

export type VerifyToken = (token: unknown) => Promise<Verified>;

/**
 * Checks signature, time, issuer and audience. UNAUTHENTICATED, TOKEN_EXPIRED; UNAVAILABLE when the keys cannot be fetched.
 * Only algorithms with a configured key are accepted: `none`, or HMAC with a public key, never pass.
 */
export function createVerifier(jwt: Config["jwt"]): VerifyToken {
	const secret = jwt.secret === undefined ? undefined : new TextEncoder().encode(jwt.secret);
	const remoteKeys = jwt.jwksUrl === undefined ? undefined : createRemoteJWKSet(new URL(jwt.jwksUrl));
	const algorithms = [...(secret ? ["HS256"] : []), ...(remoteKeys ? ["RS256", "ES256", "EdDSA"] : [])];
	const expected = {
		algorithms,
		requiredClaims: ["exp", "sub"],
		...(jwt.issuer !== undefined && { issuer: jwt.issuer }),
		...(jwt.audience !== undefined && { audience: jwt.audience }),
	};

	async function keyFor(header: JWTHeaderParameters) {
		if (header.alg === "HS256" && secret) return secret;
		if (header.alg !== "HS256" && remoteKeys) return remoteKeys(header);
		throw new ParleyError("UNAUTHENTICATED");
	}

	return async (token) => {
		if (typeof token !== "string" || token === "") throw new ParleyError("UNAUTHENTICATED");
		try {
			const { payload } = await jwtVerify(token, keyFor, expected);
			return { caller: callerOf(payload), expiresAtMs: expiryOf(payload) * 1000 };
		} catch (error) {
			throw refusal(error);
		}
	};
}

/** The last second of the year 9999. A later expiry does not fit into an ISO date, and 1e999 (infinity) would never come. */
const lastSecond = 253_402_300_799;

function expiryOf({ exp = Number.POSITIVE_INFINITY }: JWTPayload): number {
	if (exp > lastSecond) throw new ParleyError("UNAUTHENTICATED");
	return exp;
}

function callerOf({ sub, role = "user" }: JWTPayload): Caller {
	if (!PlatformId.safeParse(sub).success || !roles.includes(role as Role)) throw new ParleyError("UNAUTHENTICATED");
	return { id: String(sub), role: role as Role };
}

function refusal(error: unknown): ParleyError {
	if (error instanceof ParleyError) return error;
	if (error instanceof errors.JWTExpired) return new ParleyError("TOKEN_EXPIRED");
	const { code } = error as { code?: string };
	const keysUnreachable = !(error instanceof errors.JOSEError) || code === "ERR_JWKS_TIMEOUT" || code === "ERR_JOSE_GENERIC";
	return new ParleyError(keysUnreachable ? "UNAVAILABLE" : "UNAUTHENTICATED", { cause: error });
}
