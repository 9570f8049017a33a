import { nkeys } from "nats";

type KeyPair = ReturnType<typeof nkeys.createUser>;

/**
 * A NATS operator with one account and one user of it, as `nsc` would make them: what a server needs to know to let the user in,
 * and the user's credentials file.
 */
export function createOperator(): { settings: string; credentials: string } {
	const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
	const unlimited = { subs: -1, data: -1, payload: -1 };
	const accountLimits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
	const accountJwt = sign(operator, account, { type: "account", limits: accountLimits });
	const userJwt = sign(account, user, { type: "user", ...unlimited });
	return {
		settings: [
			`operator: ${sign(operator, operator, { type: "operator" })}`,
			"resolver: MEMORY",
			`resolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`,
		].join("\n"),
		credentials: [
			"-----BEGIN NATS USER JWT-----",
			userJwt,
			"------END NATS USER JWT------",
			"",
			"-----BEGIN USER NKEY SEED-----",
			Buffer.from(user.getSeed()).toString(),
			"------END USER NKEY SEED------",
			"",
		].join("\n"),
	};
}

function sign(issuer: KeyPair, subject: KeyPair, nats: object): string {
	const claims = {
		jti: subject.getPublicKey(),
		iat: Math.floor(Date.now() / 1000),
		iss: issuer.getPublicKey(),
		name: "parley",
		sub: subject.getPublicKey(),
		nats: { ...nats, version: 2 },
	};
	const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
	const signed = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode(claims)}`;
	return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString("base64url")}`;
}
