import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { z } from "zod";
import { isRate, toRate } from "./rate.ts";

/** The folders of `services/`, as `SERVICES` names them. */
export const serviceNames = ["conversations", "directory", "gateway", "media", "messages", "presence"] as const;
export type ServiceName = (typeof serviceNames)[number];

const logLevels = ["fatal", "error", "warn", "info", "debug", "trace"] as const;

/** The environment cannot be used as it is. The message is one line, names every wrong variable and shows no value. */
export class ConfigError extends Error {
	override name = "ConfigError";
}

/** One variable: how it is read. */
class Setting<T> {
	readonly variable: string;
	readonly type: z.ZodType<T, string>;
	readonly fallback: string | undefined;

	constructor(variable: string, type: z.ZodType<T, string>, fallback: string | undefined) {
		this.variable = variable;
		this.type = type;
		this.fallback = fallback;
	}

	read(env: Record<string, string | undefined>, problems: string[]): T | undefined {
		const value = env[this.variable] || this.fallback;
		if (value === undefined) return undefined;
		const parsed = this.type.safeParse(value);
		if (parsed.success) return parsed.data;
		problems.push(`${this.variable} ${parsed.error.issues[0]?.message ?? "is not understood"}`);
		return undefined;
	}
}

const text = z.string();
const port = rule("a whole number from 0 to 65535", isPort).transform(Number);
const host = rule("a host name or an IP address", (value) => /^[\w.:%-]+$/.test(value));
const fewProxies = rule("a number of proxies from 0 to 99", (value) => /^\d{1,2}$/.test(value)).transform(Number);
const rate = rule("off, or a number per second, minute, hour or day, such as 100/hour", isRate).transform(toRate);
const keyPrefix = rule("a path such as parley/ of letters, digits and . _ -", isKeyPrefix).transform((path) =>
	path.replace(/\/?$/, "/"),
);
const most = rule("off, or a whole number from 1 to 999999", (value) => /^(off|[1-9]\d{0,5})$/.test(value)).transform((value) =>
	value === "off" ? value : Number(value),
);
const folder = text.transform((value) => resolve(value));
const onOff = oneOf(["on", "off"]).transform((value) => value === "on");
const httpUrl = urlOf(["http", "https"]);
const page = httpUrl.transform((url) => url.replace(/\/+$/, ""));
const origins = list("* or a comma-separated list of origins such as https://example.org", isOrigin)
	.refine((items) => items.length === 1 || !items.includes("*"), { error: "must be * alone or a list without it" })
	.transform((items) => items.map(asBrowsersSay));
const services = list(`one or more of ${serviceNames.join(", ")}, separated by commas`, isServiceName)
	.refine((names) => names.length > 0, { error: "must name a service" })
	.transform((names) => [...new Set(names.filter(isServiceName))]);

/** Every setting of Parley: where it is in `Config`, the variable it is read from, how, and the text that is its default. */
const settings = {
	/** HTTP and sockets; 0 takes any free port. */
	port: from("PORT", port, "3000"),
	/** The address that is listened on. */
	host: from("HOST", host, "0.0.0.0"),
	/** Absolute; where everything embedded keeps its data. */
	dataDir: from("DATA_DIR", folder, ".data"),
	/** The database; without it PostgreSQL is embedded. */
	databaseUrl: from("DATABASE_URL", urlOf(["postgres", "postgresql"])),
	/** The bus between processes, perhaps several servers separated by commas; without it there is one process. */
	natsUrl: from("NATS_URL", urlsOf(["nats", "tls"]).refine(haveOneLogin, { error: "must not name different users" })),
	/** What NATS calls a creds file: a JWT and an NKEY. Read for each connection. */
	natsCredentialsFile: from("NATS_CREDENTIALS_FILE", text),
	/** Without it Redis is in-process. */
	redisUrl: from("REDIS_URL", urlOf(["redis", "rediss"])),
	/** What this process runs; default everything. */
	services: from("SERVICES", services, serviceNames.join(",")),
	/** How callers are known. */
	jwt: {
		/** The key of HS256, as text. */
		secret: from("JWT_SECRET", text),
		/** Where the public keys of RS256, ES256 and EdDSA are. */
		jwksUrl: from("JWT_JWKS_URL", httpUrl),
		/** What `iss` must be; not checked without it. */
		issuer: from("JWT_ISSUER", text),
		/** What `aud` must be or hold; not checked without it. */
		audience: from("JWT_AUDIENCE", text),
	},
	/** Where images are kept; without a bucket S3 is embedded. */
	s3: {
		/** Of a store that is not AWS; no slash at the end. */
		endpoint: from("S3_ENDPOINT", page),
		bucket: from("S3_BUCKET", rule("the name of a bucket", isBucket)),
		/** Not set: `us-east-1` with an endpoint, else the AWS SDK's own choice. */
		region: from("S3_REGION", text),
		/** Both keys or neither; without them the AWS SDK looks where it always does. */
		accessKeyId: from("S3_ACCESS_KEY_ID", text),
		secretAccessKey: from("S3_SECRET_ACCESS_KEY", text),
		/** Where clients reach the store, if not at the endpoint. */
		publicEndpoint: from("S3_PUBLIC_ENDPOINT", page),
		/** Whether the bucket is in the path of URLs or in the host name; not set: in the path with an endpoint. */
		pathStyle: from("S3_PATH_STYLE", onOff),
	},
	media: {
		/** What the keys of all objects begin with; a slash at the end. What else is in the bucket is never touched. */
		keyPrefix: from("S3_PREFIX", keyPrefix, "parley/"),
		/** Reads an upload from its standard input and exits with 0: clean, 1: infected. Words separated by spaces, no shell. */
		scanCommand: from("MEDIA_SCAN_COMMAND", text),
		/** How many images a process works on at a time. */
		concurrency: from("MEDIA_CONCURRENCY", rule("a whole number from 1 to 64", isConcurrency).transform(Number), "1"),
	},
	/** How much may be done before it is RATE_LIMITED. */
	rateLimits: {
		/** New messages of a user. */
		messages: from("RATE_LIMIT_MESSAGES", rate, "100/hour"),
		/** Image uploads of a user. */
		uploads: from("RATE_LIMIT_UPLOADS", rate, "10/hour"),
		/** Confirmations of a user's uploads. */
		confirms: from("RATE_LIMIT_CONFIRMS", rate, "30/hour"),
		/** New conversations of a user. */
		conversations: from("RATE_LIMIT_CONVERSATIONS", rate, "20/hour"),
		/** Queries of a user over REST. */
		queries: from("RATE_LIMIT_QUERIES", rate, "60/hour"),
		/** Queries over one socket. */
		socketQueries: from("RATE_LIMIT_SOCKET_QUERIES", rate, "20/second"),
		/** Everything that a client says over one socket. */
		socketEvents: from("RATE_LIMIT_SOCKET_EVENTS", rate, "100/second"),
		/** Failed authentications from one address. */
		authFailures: from("RATE_LIMIT_AUTH_FAILURES", rate, "30/minute"),
	},
	/** Sockets of one user on one gateway. */
	maxSocketsPerUser: from("MAX_SOCKETS_PER_USER", most, "50"),
	/** Connections of one address to one gateway on which nobody has authenticated yet. */
	maxUnauthenticatedPerAddress: from("MAX_UNAUTHENTICATED_PER_ADDRESS", most, "1000"),
	/** How many proxies stand before the gateway, each of which adds whom it heard to X-Forwarded-For. */
	trustProxy: from("TRUST_PROXY", fewProxies, "0"),
	/** Whether to fill an empty database with demo data; not set: while embedded. */
	demo: from("DEMO", onOff),
	/** Who may call from a browser besides the gateway's own pages: origins, or `*` alone. */
	corsOrigins: from("CORS_ORIGINS", origins, ""),
	/** Where people open the app, for links in what is sent to them; no slash at the end. */
	appUrl: from("APP_URL", page, "http://localhost:3000"),
	/** The least important level that is logged. */
	logLevel: from("LOG_LEVEL", oneOf(logLevels), "info"),
};

/** The variables that are read. */
export const settingNames: string[] = variablesOf(settings);

/** What the environment says, read once at the start. */
export type Config = Values<typeof settings>;

/**
 * The settings of this process: its environment and, where that says nothing, the lines of the file that `ENV_FILE` names, by
 * default `.env`. They become part of the environment, where the AWS SDK, for one, looks for its own.
 * @throws {ConfigError} as `readConfig` does, and when `ENV_FILE` names a file that is not there
 */
export function loadConfig(): Config {
	const { env } = process;
	for (const [name, value] of Object.entries(readEnvFile(env.ENV_FILE))) {
		// An empty setting counts as not set. What an empty variable of somebody else means, we do not know.
		if (env[name] === undefined || (env[name] === "" && settingNames.includes(name))) env[name] = value;
	}
	return readConfig(env);
}

function readEnvFile(path: string | undefined): NodeJS.Dict<string> {
	if (!path && !existsSync(".env")) return {};
	try {
		// Editors on Windows begin a file with a byte order mark, which would become part of the first name.
		return parseEnv(readFileSync(path || ".env", "utf8").replace(/^\uFEFF/, ""));
	} catch (cause) {
		throw new ConfigError(`${path ? `ENV_FILE names ${path}, which` : ".env"} cannot be read`, { cause });
	}
}

/**
 * Turns an environment into settings. An empty variable counts as not set.
 * @throws {ConfigError} when a variable is set and not understood, or a needed one is missing
 */
export function readConfig(env: Record<string, string | undefined>): Config {
	const problems: string[] = [];
	const config = readAll(settings, env, problems) as Config;
	if (problems.length === 0) problems.push(...missing(config));
	if (problems.length > 0) throw new ConfigError(problems.join("; "));
	return config;
}

/** What is needed only because of another setting. */
function missing({ databaseUrl, natsUrl, redisUrl, services, jwt, s3 }: Config): string[] {
	const problems: string[] = [];
	const own = Object.entries({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl }).flatMap(([name, url]) => (url ? [] : [name]));
	if (natsUrl && own.length > 0)
		problems.push(`${own.join(" and ")} must be set when NATS_URL is: each node would have data of its own`);
	const anyoneCouldSign = databaseUrl && services.includes("gateway") && !jwt.secret && !jwt.jwksUrl;
	if (anyoneCouldSign) problems.push("JWT_SECRET or JWT_JWKS_URL must be set when DATABASE_URL is");
	if (s3.endpoint && !s3.bucket) problems.push("S3_BUCKET must be set when S3_ENDPOINT is");
	if (!s3.accessKeyId !== !s3.secretAccessKey) problems.push("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set together");
	return problems;
}

function readAll(group: Group, env: Record<string, string | undefined>, problems: string[]): Record<string, unknown> {
	const values: Record<string, unknown> = {};
	for (const [key, entry] of Object.entries(group)) {
		const value = entry instanceof Setting ? entry.read(env, problems) : readAll(entry, env, problems);
		if (value !== undefined) values[key] = value;
	}
	return values;
}

function variablesOf(group: Group): string[] {
	return Object.values(group).flatMap((entry) => (entry instanceof Setting ? entry.variable : variablesOf(entry)));
}

function from<T>(variable: string, type: z.ZodType<T, string>, fallback: string): Setting<T>;
function from<T>(variable: string, type: z.ZodType<T, string>): Setting<T | undefined>;
function from<T>(variable: string, type: z.ZodType<T, string>, fallback?: string): Setting<T> {
	return new Setting(variable, type, fallback);
}

function rule(what: string, holds: (value: string) => boolean) {
	return text.refine(holds, { error: `must be ${what}`, abort: true });
}

function oneOf<const T extends string>(values: readonly T[]) {
	return z.enum(values, { error: `must be one of ${values.join(", ")}` });
}

function list(what: string, holds: (item: string) => boolean) {
	return text.transform(items).refine((all) => all.every(holds), { error: `must be ${what}`, abort: true });
}

function items(value: string): string[] {
	return value
		.split(",")
		.map((item) => item.trim())
		.filter((item) => item !== "");
}

function urlOf(schemes: string[]) {
	return rule(`a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`, (value) => isUrl(value, schemes));
}

function urlsOf(schemes: string[]) {
	const what = `one or more URLs, separated by commas, that start with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`;
	return rule(what, (value) => value.split(",").every((url) => isUrl(url.trim(), schemes)));
}

/** Servers of one cluster know the same users; nats.js sends the same to each. */
function haveOneLogin(urls: string): boolean {
	const logins = urls.split(",").map((url) => {
		const { username, password } = new URL(url.trim());
		return `${username}:${password}`;
	});
	return new Set(logins.filter((login) => login !== ":")).size <= 1;
}

function isPort(value: string): boolean {
	return /^\d{1,5}$/.test(value) && Number(value) <= 65535;
}

function isUrl(value: string, schemes: string[]): boolean {
	const [scheme, rest] = value.split("://", 2);
	// A host may also stand in the query: postgres:///parley?host=/run/postgresql.
	return !/\s/.test(value) && schemes.includes(scheme ?? "") && /^[^/?#]|[?&]host=/.test(rest ?? "") && URL.canParse(value);
}

function isConcurrency(value: string): boolean {
	return /^\d{1,2}$/.test(value) && Number(value) >= 1 && Number(value) <= 64;
}

/** What AWS allows, and with capitals and underscores what others do. */
function isBucket(value: string): boolean {
	return /^[A-Za-z0-9][\w.-]{1,61}[A-Za-z0-9]$/.test(value);
}

/** Signs that stand in a URL as they are; no empty segment, none of dots alone, and not too long for a key. */
function isKeyPrefix(value: string): boolean {
	const segments = value.replace(/\/$/, "").split("/");
	return value.length <= 200 && segments.every((segment) => /^[\w.-]+$/.test(segment) && !/^\.+$/.test(segment));
}

/** Schemes other than http(s) are those of app shells: capacitor://localhost. */
function isOrigin(value: string): boolean {
	return value === "*" || (/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+\/?$/i.test(value) && URL.canParse(value));
}

/** `https://Example.org:443/` is sent as `https://example.org`. */
function asBrowsersSay(origin: string): string {
	return /^https?:/i.test(origin) ? new URL(origin).origin : origin.replace(/\/$/, "");
}

function isServiceName(name: string): name is ServiceName {
	return serviceNames.some((known) => known === name);
}

interface Group {
	[key: string]: Setting<unknown> | Group;
}

type Values<T> = {
	[K in keyof T as undefined extends ValueOf<T[K]> ? never : K]: ValueOf<T[K]>;
} & {
	[K in keyof T as undefined extends ValueOf<T[K]> ? K : never]?: Exclude<ValueOf<T[K]>, undefined>;
};

type ValueOf<S> = S extends Setting<infer T> ? T : Values<S>;
