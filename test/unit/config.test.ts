import { resolve } from "node:path";
import { readConfig } from "../../lib/config/config.ts";
import { ConfigError } from "../../lib/config/config-error.ts";
import { serviceNames } from "../../lib/config/service-names.ts";

const secret = "hunter2-hunter2-hunter2";
const defaults = {
	port: 3000,
	host: "0.0.0.0",
	dataDir: resolve(".data"),
	services: [...serviceNames],
	jwt: {},
	s3: {},
	media: { concurrency: 1, keyPrefix: "parley/" },
	notifications: {
		delaySeconds: 30,
		idleDelaySeconds: 300,
		emailAfterPushSeconds: 900,
		content: "full",
		email: {},
		webPush: { allow: [] as string[] },
		fcm: { endpoint: "https://fcm.googleapis.com" },
		apns: { endpoint: "https://api.push.apple.com" },
	},
	rateLimits: {
		messages: { points: 100, windowSeconds: 3600 },
		uploads: { points: 10, windowSeconds: 3600 },
		confirms: { points: 30, windowSeconds: 3600 },
		conversations: { points: 20, windowSeconds: 3600 },
		queries: { points: 60, windowSeconds: 3600 },
		socketQueries: { points: 20, windowSeconds: 1 },
		socketEvents: { points: 100, windowSeconds: 1 },
		authFailures: { points: 30, windowSeconds: 60 },
	},
	trustProxy: 0,
	maxSocketsPerUser: 50,
	maxUnauthenticatedPerAddress: 1000,
	corsOrigins: [],
	appUrl: "http://localhost:3000",
	logLevel: "info",
};

test("an empty environment gives the defaults", () => {
	expect(readConfig({})).toEqual(defaults);
});

test("an empty variable counts as not set", () => {
	const names = ["PORT", "DATABASE_URL", "SERVICES", "JWT_SECRET", "DEMO", "CORS_ORIGINS", "LOG_LEVEL"];
	expect(readConfig(Object.fromEntries(names.map((name) => [name, ""])))).toEqual(defaults);
});

test.each<[string, string, object]>([
	["PORT", "0", { port: 0, appUrl: "http://localhost:0" }],
	["PORT", "65535", { port: 65535, appUrl: "http://localhost:65535" }],
	["HOST", "::1", { host: "::1", appUrl: "http://[::1]:3000" }],
	["DATA_DIR", "/var/lib/parley", { dataDir: "/var/lib/parley" }],
	["DATA_DIR", "some/where", { dataDir: resolve("some/where") }],
	["NATS_CREDENTIALS_FILE", "/run/parley.creds", { natsCredentialsFile: "/run/parley.creds" }],
	["REDIS_URL", "rediss://:pw@cache:6380/1", { redisUrl: "rediss://:pw@cache:6380/1" }],
	["SERVICES", "messages", { services: ["messages"] }],
	["SERVICES", " gateway, messages ,gateway", { services: ["gateway", "messages"] }],
	["JWT_SECRET", " short ", { jwt: { secret: " short " } }],
	["JWT_JWKS_URL", "https://id.example.org/jwks", { jwt: { jwksUrl: "https://id.example.org/jwks" } }],
	["JWT_ISSUER", "platform", { jwt: { issuer: "platform" } }],
	["JWT_AUDIENCE", "parley", { jwt: { audience: "parley" } }],
	["NOTIFY_DELAY_SECONDS", "0", { notifications: { ...defaults.notifications, delaySeconds: 0 } }],
	["NOTIFY_CONTENT", "none", { notifications: { ...defaults.notifications, content: "none" } }],
	[
		"WEBPUSH_ALLOW",
		"push.test:8443, [::1]:9",
		{ notifications: { ...defaults.notifications, webPush: { allow: ["push.test:8443", "[::1]:9"] } } },
	],
	["S3_BUCKET", "images", { s3: { bucket: "images" } }],
	["S3_REGION", "eu-central-1", { s3: { region: "eu-central-1" } }],
	["S3_PUBLIC_ENDPOINT", "https://s3.example.org/", { s3: { publicEndpoint: "https://s3.example.org" } }],
	["S3_PATH_STYLE", "off", { s3: { pathStyle: false } }],
	["MEDIA_SCAN_COMMAND", "clamdscan --no-summary -", { media: { ...defaults.media, scanCommand: "clamdscan --no-summary -" } }],
	["MEDIA_CONCURRENCY", "4", { media: { ...defaults.media, concurrency: 4 } }],
	["S3_PREFIX", "chat", { media: { ...defaults.media, keyPrefix: "chat/" } }],
	["S3_PREFIX", "chat/eu-1/", { media: { ...defaults.media, keyPrefix: "chat/eu-1/" } }],
	["RATE_LIMIT_MESSAGES", "off", limits({ messages: "off" })],
	["RATE_LIMIT_UPLOADS", "1/second", limits({ uploads: { points: 1, windowSeconds: 1 } })],
	["RATE_LIMIT_CONVERSATIONS", "5/minute", limits({ conversations: { points: 5, windowSeconds: 60 } })],
	["RATE_LIMIT_QUERIES", "6000/hour", limits({ queries: { points: 6000, windowSeconds: 3600 } })],
	["RATE_LIMIT_SOCKET_QUERIES", "999999999/day", limits({ socketQueries: { points: 999_999_999, windowSeconds: 86_400 } })],
	["RATE_LIMIT_AUTH_FAILURES", "off", limits({ authFailures: "off" })],
	["TRUST_PROXY", "2", { trustProxy: 2 }],
	["MAX_SOCKETS_PER_USER", "off", { maxSocketsPerUser: "off" }],
	["MAX_UNAUTHENTICATED_PER_ADDRESS", "7", { maxUnauthenticatedPerAddress: 7 }],
	["DEMO", "on", { demo: true }],
	["DEMO", "off", { demo: false }],
	["CORS_ORIGINS", "*", { corsOrigins: ["*"] }],
	[
		"CORS_ORIGINS",
		"https://App.example.org:443/, capacitor://localhost",
		{ corsOrigins: ["https://app.example.org", "capacitor://localhost"] },
	],
	["APP_URL", "https://example.org/chat/", { appUrl: "https://example.org/chat" }],
	["LOG_LEVEL", "trace", { logLevel: "trace" }],
])("%s=%s is understood", (name, value, expected) => {
	expect(readConfig({ [name]: value })).toEqual({ ...defaults, ...expected });
});

test.each(["postgres://parley:pw@db:5432/parley", "postgresql://db/parley", "postgres:///parley?host=/run/postgresql"])(
	"DATABASE_URL=%s is understood",
	(databaseUrl) => {
		const env = { DATABASE_URL: databaseUrl, JWT_SECRET: secret };
		expect(readConfig(env)).toEqual({ ...defaults, databaseUrl, jwt: { secret } });
	},
);

test.each([
	["PORT", "-1"],
	["PORT", "65536"],
	["PORT", "80x"],
	["PORT", "1e3"],
	["HOST", "two words"],
	["DATABASE_URL", `mysql://parley:${secret}@db/parley`],
	["DATABASE_URL", `postgres:parley:${secret}@db`],
	["DATABASE_URL", `postgres://parley:${secret}@db:port/parley`],
	["DATABASE_URL", `postgres://parley:${secret}@`],
	["DATABASE_URL", "postgres://"],
	["NATS_URL", "a:4222"],
	["NATS_URL", `nats://u:${secret}@a,http://b`],
	["NATS_URL", `nats://u:${secret}@a,nats://v:${secret}@b`],
	["REDIS_URL", `redis//:${secret}@cache`],
	["SERVICES", "gateway,chat"],
	["SERVICES", ","],
	["JWT_JWKS_URL", "file:///etc/keys"],
	["S3_ENDPOINT", "minio:9000"],
	["S3_BUCKET", "two words"],
	["S3_BUCKET", "a/b"],
	["S3_PREFIX", "/"],
	["S3_PREFIX", "/chat"],
	["S3_PREFIX", "chat//eu"],
	["S3_PREFIX", "../chat"],
	["S3_PREFIX", "chat room"],
	["S3_PATH_STYLE", "true"],
	["RATE_LIMIT_CONFIRMS", "30"],
	["MEDIA_CONCURRENCY", "0"],
	["MAX_SOCKETS_PER_USER", "0"],
	["MAX_UNAUTHENTICATED_PER_ADDRESS", "many"],
	["MEDIA_CONCURRENCY", "65"],
	["RATE_LIMIT_MESSAGES", "100"],
	["RATE_LIMIT_UPLOADS", "0/hour"],
	["RATE_LIMIT_CONVERSATIONS", "1.5/hour"],
	["RATE_LIMIT_QUERIES", "60/h"],
	["RATE_LIMIT_SOCKET_QUERIES", "20 / second"],
	["RATE_LIMIT_AUTH_FAILURES", "on"],
	["TRUST_PROXY", "true"],
	["TRUST_PROXY", "-1"],
	["DEMO", "yes"],
	["CORS_ORIGINS", "example.org"],
	["CORS_ORIGINS", "https://example.org/path"],
	["CORS_ORIGINS", "*,https://example.org"],
	["APP_URL", "localhost:3000"],
	["LOG_LEVEL", "verbose\nINFO"],
])("%s=%s is refused in one line that names it and shows no value", (name, value) => {
	const message = refusal({ JWT_SECRET: secret, [name]: value });
	expect(message).toMatch(new RegExp(`^${name} must [^\\n]+$`));
	expect(message).not.toContain(secret);
});

test("all that is wrong is said at once", () => {
	expect(refusal({ PORT: "x", LOG_LEVEL: "x" })).toMatch(/^PORT must .+; LOG_LEVEL must [^\n]+$/);
});

test("a gateway on a real database needs to know whose tokens to trust", () => {
	const databaseUrl = `postgres://parley:${secret}@db/parley`;
	expect(refusal({ DATABASE_URL: databaseUrl })).toBe("JWT_SECRET or JWT_JWKS_URL must be set when DATABASE_URL is");
	expect(readConfig({ DATABASE_URL: databaseUrl, JWT_JWKS_URL: "https://id.example.org/jwks" })).toMatchObject({ databaseUrl });
	expect(readConfig({ DATABASE_URL: databaseUrl, SERVICES: "messages" })).toMatchObject({ databaseUrl });
});

test.each(["nats://a:4222", "nats://a:4222,tls://b", "nats://u:p@a, nats://b,nats://u:p@c"])(
	"NATS_URL=%s is understood, beside what all nodes share",
	(natsUrl) => {
		const [databaseUrl, redisUrl] = ["postgres://db/parley", "redis://cache"];
		const env = { NATS_URL: natsUrl, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, JWT_SECRET: secret };
		expect(readConfig(env)).toEqual({ ...defaults, natsUrl, databaseUrl, redisUrl, jwt: { secret } });
	},
);

test("several nodes need one database and one Redis", () => {
	const env = { NATS_URL: "nats://a", JWT_SECRET: secret };
	const why = "must be set when NATS_URL is: each node would have data of its own";
	expect(refusal(env)).toBe(`DATABASE_URL and REDIS_URL ${why}`);
	expect(refusal({ ...env, DATABASE_URL: "postgres://db/parley" })).toBe(`REDIS_URL ${why}`);
	expect(refusal({ ...env, REDIS_URL: "redis://cache" })).toBe(`DATABASE_URL ${why}`);
});

test("an S3 needs a bucket, and both keys or neither", () => {
	const endpoint = { S3_ENDPOINT: "http://minio:9000" };
	expect(refusal(endpoint)).toBe("S3_BUCKET must be set when S3_ENDPOINT is");
	const bucket = { ...endpoint, S3_BUCKET: "images" };
	expect(refusal({ ...bucket, S3_ACCESS_KEY_ID: "parley" })).toMatch(/^S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must/);
	const s3 = { endpoint: "http://minio:9000", bucket: "images", accessKeyId: "parley", secretAccessKey: secret };
	expect(readConfig({ ...bucket, S3_ACCESS_KEY_ID: "parley", S3_SECRET_ACCESS_KEY: secret })).toEqual({ ...defaults, s3 });
	expect(readConfig({ S3_BUCKET: "images" })).toEqual({ ...defaults, s3: { bucket: "images" } });
});

test("the settings of a channel of notifications need each other", () => {
	const mail = { SMTP_URL: "smtp://mail.example.org", MAIL_FROM: "a@example.org", APP_URL: "https://app.example.org" };
	expect(readConfig(mail)).toMatchObject({ appUrl: "https://app.example.org" });
	expect(refusal({ ...mail, MAIL_FROM: "" })).toBe("MAIL_FROM must be set when SMTP_URL is");
	expect(refusal({ VAPID_PUBLIC_KEY: "key" })).toBe("VAPID_PUBLIC_KEY, VAPID_PRIVATE_KEY, VAPID_SUBJECT must be set together");
	expect(refusal({ APNS_KEY_ID: "id" })).toBe("APNS_KEY_FILE, APNS_KEY_ID, APNS_TEAM_ID, APNS_TOPIC must be set together");
});

function limits(changed: object) {
	return { rateLimits: { ...defaults.rateLimits, ...changed } };
}

function refusal(env: Record<string, string>): string {
	try {
		readConfig(env);
	} catch (error) {
		if (error instanceof ConfigError) return error.message;
	}
	throw new Error("It was not refused.");
}
