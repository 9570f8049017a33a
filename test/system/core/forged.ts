import { createHmac } from "node:crypto";

/** The same claims signed with a secret that is not the server's. */
export function signedByAnother(token: string): string {
	const [header, payload] = partsOf(token);
	return `${header}.${payload}.${hmac(`${header}.${payload}`, "not-the-secret-of-this-server-0123456789")}`;
}

/** The same claims with algorithm `none` and no signature. */
export function unsigned(token: string): string {
	const [, payload] = partsOf(token);
	return `${encode({ alg: "none", typ: "JWT" })}.${payload}.`;
}

/** The signature of one token under the claims of another. */
export function signatureMoved(from: string, to: string): string {
	const [header, payload] = partsOf(to);
	return `${header}.${payload}.${partsOf(from)[2]}`;
}

function partsOf(token: string): [string, string, string] {
	const [header = "", payload = "", signature = ""] = token.split(".");
	return [header, payload, signature];
}

function encode(value: object): string {
	return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function hmac(text: string, secret: string): string {
	return createHmac("sha256", secret).update(text).digest("base64url");
}
