import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { decodeJwt, jwtVerify } from "jose";
import { embeddedSecret } from "../../embedded/secret.ts";
import { signToken } from "../../lib/token.ts";

let dataDir: string;

beforeEach(() => {
	dataDir = mkdtempSync(join(tmpdir(), "parley-token-"));
});

afterEach(() => {
	rmSync(dataDir, { recursive: true });
});

test("a token says who, as what, until when, by whom and for whom", async () => {
	const jwt = { secret: "s3cret", issuer: "platform", audience: "parley" };
	const token = await signToken({ sub: "alice", role: "admin", ttlSeconds: 60, jwt });
	const { payload, protectedHeader } = await verify(token, jwt.secret);
	expect(protectedHeader.alg).toBe("HS256");
	expect(payload).toMatchObject({ sub: "alice", role: "admin", iss: "platform", aud: "parley" });
	expect(Number(payload.exp) - Number(payload.iat)).toBe(60);
});

test("issuer and audience are left out when there are none", async () => {
	const payload = decodeJwt(await signToken({ sub: "bob", role: "user", ttlSeconds: 60, jwt: { secret: "s3cret" } }));
	expect(Object.keys(payload).sort()).toEqual(["exp", "iat", "role", "sub"]);
});

test("npm run token signs with JWT_SECRET and honours issuer and audience", async () => {
	const { stdout } = await run(["--sub", "alice", "--role", "platform", "--ttl", "30m"], {
		JWT_SECRET: "s3cret",
		JWT_ISSUER: "platform",
		JWT_AUDIENCE: "parley",
	});
	const { payload } = await verify(stdout.trim(), "s3cret");
	expect(payload).toMatchObject({ sub: "alice", role: "platform", iss: "platform", aud: "parley" });
	expect(Number(payload.exp) - Number(payload.iat)).toBe(1800);
});

test("npm run token signs with the embedded secret when none is set, as a user, for a day", async () => {
	const { stdout } = await run(["--sub", "alice"], {});
	const { payload } = await verify(stdout.trim(), embeddedSecret(dataDir));
	expect(payload).toMatchObject({ sub: "alice", role: "user" });
	expect(Number(payload.exp) - Number(payload.iat)).toBe(86_400);
});

test.each<[string, string[], Record<string, string>, RegExp]>([
	["no flags", [], {}, /--sub/],
	["an unknown role", ["--sub", "a", "--role", "root"], {}, /--role/],
	["a ttl without sense", ["--sub", "a", "--ttl", "soon"], {}, /--ttl/],
	["an unknown flag", ["--sub", "a", "--scope", "x"], {}, /--scope/],
	["a stray word", ["alice"], {}, /alice/],
	["a wrong setting", ["--sub", "a"], { PORT: "x" }, /PORT/],
	["nothing to sign with", ["--sub", "a"], { JWT_JWKS_URL: "https://id.example.org/jwks" }, /JWT_SECRET/],
])("npm run token with %s says so in one line, then how it is used", async (_what, args, env, named) => {
	const failure = await run(args, env).catch((error) => error);
	expect(failure).toMatchObject({ code: 1, stdout: "" });
	const [message, usage, ...rest] = failure.stderr.trim().split("\n");
	expect(message).toMatch(named);
	expect(usage).toMatch(/^usage: /);
	expect(rest).toEqual([]);
});

test("the embedded secret is made once, long and for its owner only, by however many at once", async () => {
	const tokens = await Promise.all(Array.from({ length: 4 }, () => run(["--sub", "alice"], {})));
	const secret = readFileSync(join(dataDir, "jwt.secret"), "utf8");
	for (const { stdout } of tokens) await verify(stdout.trim(), secret);
	expect(Buffer.from(secret, "base64url")).toHaveLength(32);
	expect(statSync(join(dataDir, "jwt.secret")).mode & 0o777).toBe(0o600);
});

function verify(token: string, secret: string) {
	return jwtVerify(token, new TextEncoder().encode(secret), { algorithms: ["HS256"] });
}

function run(args: string[], env: Record<string, string>) {
	return promisify(execFile)(process.execPath, ["scripts/token.ts", ...args], { env: { DATA_DIR: dataDir, ...env } });
}
