import { CompactSign, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { createVerifier } from "../../services/gateway/token-verifier.ts";
import { type KeyAlgorithm, type KeyServer, startKeyServer } from "../support/key-server.ts";

const secret = "a secret that is long enough for HS256";
const key = new TextEncoder().encode(secret);
const now = Math.floor(Date.now() / 1000);
const claims = { sub: "alice", exp: now + 60 };

let server: KeyServer;

beforeAll(async () => {
	server = await startKeyServer();
});

afterAll(async () => {
	await server.stop();
});

test.each<[JWTPayload, string]>([
	[{}, "user"],
	[{ role: "user" }, "user"],
	[{ role: "admin" }, "admin"],
	[{ role: "platform" }, "platform"],
])("a token with %j speaks for its sub until it expires, as %s", async (more, role) => {
	const verify = createVerifier({ secret });
	expect(await verify(await hs256({ ...claims, ...more }))).toEqual({
		caller: { id: "alice", role },
		expiresAtMs: claims.exp * 1000,
	});
});

test.each<[string, JWTPayload]>([
	["without sub", { exp: claims.exp }],
	["without exp", { sub: "alice" }],
	["with an empty sub", { ...claims, sub: "" }],
	["with a sub of 129 characters", { ...claims, sub: "x".repeat(129) }],
	["with NUL in its sub", { ...claims, sub: "a\0" }],
	["with an unknown role", { ...claims, role: "root" }],
	["with a role that every object has", { ...claims, role: "constructor" }],
	["with several roles", { ...claims, role: ["user", "admin"] }],
	["without a role, but with null for one", { ...claims, role: null }],
	["that is not valid yet", { ...claims, nbf: now + 60 }],
	["that expires after the year 9999", { ...claims, exp: 253_402_300_800 }],
	["that expires when no date is any more", { ...claims, exp: 1e15 }],
])("a token %s is refused", async (_what, payload) => {
	await expectRefused(createVerifier({ secret })(await hs256(payload)), "UNAUTHENTICATED");
});

test("a token that never expires is refused", async () => {
	const infinite = await signedRaw(`{"sub":"alice","exp":1e999}`);
	await expectRefused(createVerifier({ secret })(infinite), "UNAUTHENTICATED");
});

test("the last second of the year 9999 is a time", async () => {
	const { expiresAtMs } = await createVerifier({ secret })(await hs256({ ...claims, exp: 253_402_300_799 }));
	expect(new Date(expiresAtMs).toISOString()).toBe("9999-12-31T23:59:59.000Z");
});

test("a token that has expired is refused as that", async () => {
	await expectRefused(createVerifier({ secret })(await hs256({ sub: "alice", exp: now - 1 })), "TOKEN_EXPIRED");
});

test.each<[string, unknown]>([
	["no text", 1],
	["nothing", undefined],
	["null", null],
	["empty", ""],
	["no token", "abc"],
	["three dots", "..."],
	["an object", { token: "x" }],
])("a token that is %s is refused", async (_what, token) => {
	await expectRefused(createVerifier({ secret })(token), "UNAUTHENTICATED");
});

test("a token whose claims or signature were changed is refused", async () => {
	const verify = createVerifier({ secret });
	const [header, , signature] = (await hs256(claims)).split(".");
	const forged = Buffer.from(JSON.stringify({ ...claims, role: "admin" })).toString("base64url");
	await expectRefused(verify(`${header}.${forged}.${signature}`), "UNAUTHENTICATED");
	const other = new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode("another secret"));
	await expectRefused(verify(await other), "UNAUTHENTICATED");
});

test("a token that is not signed is refused, whatever keys are configured", async () => {
	for (const jwt of [{ secret }, { jwksUrl: server.url }, { secret, jwksUrl: server.url }, {}]) {
		await expectRefused(createVerifier(jwt)(new UnsecuredJWT(claims).encode()), "UNAUTHENTICATED");
	}
});

test("issuer and audience must be the ones that are configured", async () => {
	const verify = createVerifier({ secret, issuer: "platform", audience: "parley" });
	const right = { ...claims, iss: "platform", aud: ["other", "parley"] };
	expect((await verify(await hs256(right))).caller.id).toBe("alice");
	for (const wrong of [{ iss: "else" }, { iss: undefined }, { aud: "other" }, { aud: undefined }, { aud: [] }]) {
		await expectRefused(verify(await hs256({ ...right, ...wrong } as JWTPayload)), "UNAUTHENTICATED");
	}
});

test.each<KeyAlgorithm>(["RS256", "ES256", "EdDSA"])("a token signed by %s is checked with the published key", async (alg) => {
	const verify = createVerifier({ jwksUrl: server.url });
	expect((await verify(await signed(alg, server.keys[alg].privateKey))).caller.id).toBe("alice");
	const stranger = await generateKeyPair(alg);
	await expectRefused(verify(await signed(alg, stranger.privateKey)), "UNAUTHENTICATED");
	await expectRefused(verify(await signed(alg, server.keys[alg].privateKey, "another key")), "UNAUTHENTICATED");
	await expectRefused(createVerifier({ secret })(await signed(alg, server.keys[alg].privateKey)), "UNAUTHENTICATED");
});

test("a public key is no HMAC secret", async () => {
	const pem = new TextEncoder().encode(await exportSPKI(server.keys.RS256.publicKey));
	const forged = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "RS256" }).sign(pem);
	for (const jwt of [{ jwksUrl: server.url }, { secret, jwksUrl: server.url }]) {
		await expectRefused(createVerifier(jwt)(forged), "UNAUTHENTICATED");
	}
});

test("with a secret and published keys, either signs", async () => {
	const verify = createVerifier({ secret, jwksUrl: server.url });
	expect((await verify(await hs256(claims))).caller.id).toBe("alice");
	expect((await verify(await signed("ES256", server.keys.ES256.privateKey))).caller.id).toBe("alice");
});

test("while keys cannot be fetched it is not the token's fault, and once they can the token is good", async () => {
	const flaky = await startKeyServer();
	const verify = createVerifier({ jwksUrl: flaky.url });
	const token = await signed("RS256", flaky.keys.RS256.privateKey);
	try {
		flaky.answer(500, "out of order");
		await expectRefused(verify(token), "UNAVAILABLE");
		flaky.answer(200, "not JSON");
		await expectRefused(verify(token), "UNAVAILABLE");
	} finally {
		await flaky.stop();
	}
	await expectRefused(verify(token), "UNAVAILABLE");
	await expectRefused(createVerifier({ jwksUrl: flaky.url })(token), "UNAVAILABLE");
});

function hs256(payload: JWTPayload): Promise<string> {
	return new SignJWT(payload).setProtectedHeader({ alg: "HS256" }).sign(key);
}

/** Claims that JSON.stringify would not write. */
function signedRaw(payload: string): Promise<string> {
	return new CompactSign(new TextEncoder().encode(payload)).setProtectedHeader({ alg: "HS256" }).sign(key);
}

function signed(alg: KeyAlgorithm, privateKey: Parameters<SignJWT["sign"]>[0], kid: string = alg): Promise<string> {
	return new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(privateKey);
}

async function expectRefused(verification: Promise<unknown>, type: string): Promise<void> {
	await expect(verification).rejects.toMatchObject({ type });
}
