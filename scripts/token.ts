import { parseArgs } from "node:util";
import { embeddedSecret } from "../embedded/secret.ts";
import { type Config, loadConfig } from "../lib/config/config.ts";
import { type Role, roles, signToken } from "../lib/token.ts";

const usage = "usage: npm run --silent token -- --sub <user id> [--role user|admin|platform] [--ttl 24h]";
const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400 };

try {
	const { sub, role, ttlSeconds } = readFlags(process.argv.slice(2));
	const config = loadConfig();
	process.stdout.write(`${await signToken({ sub, role, ttlSeconds, jwt: { ...config.jwt, secret: secretOf(config) } })}\n`);
} catch (error) {
	process.stderr.write(`${error instanceof Error ? error.message.split("\n", 1)[0] : error}\n${usage}\n`);
	process.exitCode = 1;
}

function readFlags(args: string[]): { sub: string; role: Role; ttlSeconds: number } {
	const { values } = parseArgs({
		args,
		options: { sub: { type: "string" }, role: { type: "string", default: "user" }, ttl: { type: "string", default: "24h" } },
	});
	if (!values.sub) throw new Error("--sub is missing: whose token is it?");
	const role = roles.find((known) => known === values.role);
	if (!role) throw new Error(`--role must be one of ${roles.join(", ")}`);
	return { sub: values.sub, role, ttlSeconds: secondsOf(values.ttl) };
}

function secondsOf(ttl: string): number {
	const [, amount, unit = "s"] = /^([1-9]\d{0,8})([smhd])?$/.exec(ttl) ?? [];
	if (!amount) throw new Error("--ttl must be a time such as 90s, 30m, 24h or 7d");
	return Number(amount) * (unitSeconds[unit] ?? 1);
}

function secretOf({ jwt, databaseUrl, dataDir }: Config): string {
	if (jwt.secret) return jwt.secret;
	if (databaseUrl || jwt.jwksUrl) throw new Error("JWT_SECRET is not set, and only an embedded start has a secret of its own");
	return embeddedSecret(dataDir);
}
