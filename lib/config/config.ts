import { localUrl } from "../local-url.ts";
import { bus } from "./bus.ts";
import { ConfigError } from "./config-error.ts";
import { database } from "./database.ts";
import { readEnvFile } from "./env-file.ts";
import { http } from "./http.ts";
import { connectionLimits, rateLimits } from "./limits.ts";
import { media } from "./media.ts";
import { node } from "./node.ts";
import { notifications } from "./notifications.ts";
import { redis } from "./redis.ts";
import { type Environment, listSettings, readSettings, type Values } from "./setting.ts";
import { storage } from "./storage.ts";
import { tokens } from "./tokens.ts";

/**
 * Every setting of Parley, where it is in `Config`. To add one, add it to the file of its group, then run `npm run
 * docs:settings`. docs/settings.md has them in this order.
 */
const settings = {
	...http,
	...node,
	...database,
	...bus,
	...redis,
	jwt: tokens,
	s3: storage,
	media,
	notifications,
	rateLimits,
	...connectionLimits,
};

/** The table of all settings. */
export const allSettings = listSettings(settings);

/** The variables that are read. */
export const settingNames = allSettings.map(({ variable }) => variable);

/** The values of all settings, read once at the start. */
export interface Config extends Values<typeof settings> {
	/** Without a slash at the end. Without APP_URL it is where the gateway of the same process listens. */
	appUrl: string;
}

/** The settings of a running node. They always name a database, which may be an embedded one. */
export interface NodeConfig extends Config {
	databaseUrl: string;
	/** Where mails are written instead of being sent, in an embedded start without SMTP_URL. */
	mailFolder?: string;
}

/**
 * The settings of this process. A variable that the environment does not set is taken from the file that `ENV_FILE` names, by
 * default `.env`. The file's lines become part of the environment, because libraries such as the AWS SDK read theirs there.
 * @throws {ConfigError} as `readConfig` does, and when the file that `ENV_FILE` names cannot be read
 */
export function loadConfig(): Config {
	const { env } = process;
	for (const [name, value] of Object.entries(readEnvFile(env.ENV_FILE))) {
		// An empty setting counts as not set. Variables that are not ours stay, since an empty one may mean something to its program.
		if (env[name] === undefined || (env[name] === "" && settingNames.includes(name))) env[name] = value;
	}
	return readConfig(env);
}

/**
 * Turns an environment into settings. An empty variable counts as not set.
 * @throws {ConfigError} when a variable has a value that is not allowed, or another setting requires one that is not set
 */
export function readConfig(env: Environment): Config {
	const problems: string[] = [];
	// Without problems, each setting has the value that `Values` derives from its rule and its default.
	const config = readSettings(settings, env, problems) as Values<typeof settings>;
	if (problems.length === 0) problems.push(...missingSettings(config));
	if (problems.length > 0) throw new ConfigError(problems.join("; "));
	return { ...config, appUrl: config.appUrl ?? localUrl(config) };
}

/** One line for each setting that is not set although another one requires it. */
function missingSettings(config: Values<typeof settings>): string[] {
	const { databaseUrl, natsUrl, redisUrl, services, jwt, s3, notifications } = config;
	const problems: string[] = [];
	const own = Object.entries({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl }).flatMap(([name, url]) => (url ? [] : [name]));
	if (natsUrl && own.length > 0)
		problems.push(`${own.join(" and ")} must be set when NATS_URL is: each node would have data of its own`);
	const hasNoKey = databaseUrl && services.includes("gateway") && !jwt.secret && !jwt.jwksUrl;
	if (hasNoKey) problems.push("JWT_SECRET or JWT_JWKS_URL must be set when DATABASE_URL is");
	if (s3.endpoint && !s3.bucket) problems.push("S3_BUCKET must be set when S3_ENDPOINT is");
	if (!s3.accessKeyId !== !s3.secretAccessKey) problems.push("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set together");
	const { email, webPush, apns } = notifications;
	if (email.smtpUrl && !email.from) problems.push("MAIL_FROM must be set when SMTP_URL is");
	const { publicKey, privateKey, subject } = webPush;
	const vapid = Object.entries({ VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey, VAPID_SUBJECT: subject });
	if (isIncomplete(vapid)) problems.push(`${vapid.map(([name]) => name).join(", ")} must be set together`);
	const { keyFile, keyId, teamId, topic } = apns;
	const keys = Object.entries({ APNS_KEY_FILE: keyFile, APNS_KEY_ID: keyId, APNS_TEAM_ID: teamId, APNS_TOPIC: topic });
	if (isIncomplete(keys)) problems.push(`${keys.map(([name]) => name).join(", ")} must be set together`);
	return problems;
}

/** Whether some of these settings are set, and some are not. */
function isIncomplete(settings: [name: string, value: string | undefined][]): boolean {
	const set = settings.filter(([, value]) => value !== undefined);
	return set.length > 0 && set.length < settings.length;
}
