import { SignJWT } from "jose";

export const roles = ["user", "admin", "platform"] as const;
export type Role = (typeof roles)[number];

/** The user that a token is for, and how long it is valid. */
export interface TokenOptions {
	sub: string;
	role: Role;
	ttlSeconds: number;
	jwt: { secret: string; issuer?: string; audience?: string };
}

/** Makes an HS256 token with the claims that the gateway checks. */
export function signToken({ sub, role, ttlSeconds, jwt }: TokenOptions): Promise<string> {
	const now = Math.floor(Date.now() / 1000);
	const token = new SignJWT({ role })
		.setProtectedHeader({ alg: "HS256", typ: "JWT" })
		.setSubject(sub)
		.setIssuedAt(now)
		.setExpirationTime(now + ttlSeconds);
	if (jwt.issuer) token.setIssuer(jwt.issuer);
	if (jwt.audience) token.setAudience(jwt.audience);
	return token.sign(new TextEncoder().encode(jwt.secret));
}
