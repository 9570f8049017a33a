import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { settingNames } from "../lib/config/config.ts";
import { signToken } from "../lib/token.ts";
import { OsProcess } from "./processes.ts";
import type { Target } from "./target.ts";

/** How one process of Parley is run. */
export interface ParleyProcess {
	/** Unique among the processes that share `folder`. */
	name: string;
	/** The folder for its log and its DATA_DIR. */
	folder: string;
	/** Settings that replace or extend the defaults below. */
	env: Record<string, string>;
	isReady(running: OsProcess): Promise<boolean>;
}

const root = new URL("../", import.meta.url);
const allowedOrigin = "https://app.example.org";

/** Settings without rate limits: a test or a benchmark does in a minute what a person does in a day. */
export const unlimited = Object.fromEntries(
	["MESSAGES", "UPLOADS", "CONFIRMS", "CONVERSATIONS", "QUERIES", "SOCKET_QUERIES", "SOCKET_EVENTS", "AUTH_FAILURES"].map(
		(limit) => [`RATE_LIMIT_${limit}`, "off"],
	),
);

/** A process as `npm start` runs it, not started yet. */
export function parleyProcess({ name, folder, env, isReady }: ParleyProcess): OsProcess {
	const command = startCommand();
	const dataDir = join(folder, name);
	mkdirSync(dataDir, { recursive: true });
	return new OsProcess({
		name,
		file: process.execPath,
		args: command.args,
		env: {
			...inherited("PATH", "HOME", "USER", "LANG", "TMPDIR"),
			...command.env,
			HOST: "127.0.0.1",
			DATA_DIR: dataDir,
			DEMO: "off",
			LOG_LEVEL: "warn",
			CORS_ORIGINS: allowedOrigin,
			...unlimited,
			...env,
		},
		logFile: join(folder, `${name}.log`),
		isReady,
	});
}

/** Whether a gateway reports that it is ready. */
export async function isGatewayReady(baseUrl: string): Promise<boolean> {
	const signal = AbortSignal.timeout(3_000);
	return (await fetch(`${baseUrl}/health/ready`, { headers: { connection: "close" }, signal })).ok;
}

/** Running gateways as the core suite sees them. */
export function targetOf(baseUrls: readonly [string, ...string[]], secret: string): Target {
	const sign = (sub: string, role: "user" | "admin" | "platform", ttlSeconds = 3_600) =>
		signToken({ sub, role, ttlSeconds, jwt: { secret } });
	return {
		baseUrls,
		allowedOrigin,
		platformToken: () => sign("the platform", "platform"),
		adminToken: () => sign("an administrator", "admin"),
		userToken: (sub, ttlSeconds) => sign(sub, "user", ttlSeconds),
	};
}

/** The start script of package.json, as environment and arguments for Node. */
export function startCommand(): { env: NodeJS.ProcessEnv; args: string[] } {
	const manifest: { scripts: { start: string } } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
	const words = [...manifest.scripts.start.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
		(match) => match[1] ?? match[2] ?? match[3] ?? "",
	);
	const node = words.indexOf("node");
	if (node < 0) throw new Error(`the start script does not run node: ${manifest.scripts.start}`);
	return {
		env: Object.fromEntries(
			words
				.slice(0, node)
				.filter((word) => word.includes("="))
				.map((word) => word.split("=", 2)),
		),
		args: words.slice(node + 1),
	};
}

/**
 * An environment with only these variables. The developer's own settings must not reach a process under test, nor may their
 * `.env`.
 */
export function inherited(...names: string[]): NodeJS.ProcessEnv {
	const blank = Object.fromEntries(settingNames.map((name) => [name, ""]));
	return { ...blank, ENV_FILE: "/dev/null", ...Object.fromEntries(names.map((name) => [name, process.env[name]])) };
}
