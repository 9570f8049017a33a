import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { SignJWT } from "jose";
import { inParallel } from "./in-parallel.ts";
import type { Person } from "./orders.ts";
import { freePort, type Server, type Start, startServer } from "./server.ts";

const SETUP_AT_ONCE = 16;
const root = new URL("..", import.meta.url);

/** Parley as `npm start` runs it, everything on, except what would stop a load: rate limits. */
export async function startParley(nodeArgs: readonly string[]): Promise<Server> {
	const secret = randomBytes(32).toString("hex");
	const command = await startCommand();
	const start: Start = {
		name: "parley",
		args: () => command.args,
		env: async (port, folder) => ({
			// Nothing of the developer's own settings, such as a DATABASE_URL, may reach the server under test.
			...inherited("PATH", "HOME", "USER", "LANG", "TMPDIR"),
			...command.env,
			HOST: "127.0.0.1",
			PORT: String(port),
			METRICS_PORT: String(await freePort()),
			DATA_DIR: folder,
			DEMO: "off",
			LOG_LEVEL: "warn",
			JWT_SECRET: secret,
			RATE_LIMIT_MESSAGES: "off",
			RATE_LIMIT_UPLOADS: "off",
			RATE_LIMIT_CONVERSATIONS: "off",
			RATE_LIMIT_QUERIES: "off",
		}),
		introduce: (url, people) => introduce(url, new TextEncoder().encode(secret), people),
	};
	return startServer(start, nodeArgs);
}

/** package.json's start script as arguments for Node, without the reading of `.env`. */
async function startCommand(): Promise<{ env: NodeJS.ProcessEnv; args: string[] }> {
	const manifest: { scripts: { start: string } } = JSON.parse(await readFile(new URL("package.json", root), "utf8"));
	const words = [...manifest.scripts.start.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
		(match) => match[1] ?? match[2] ?? match[3] ?? "",
	);
	const node = words.indexOf("node");
	if (node < 0) throw new Error(`the start script does not run node: ${manifest.scripts.start}`);
	return {
		env: Object.fromEntries(words.slice(0, node).map((word) => word.split("=", 2))),
		args: words.slice(node + 1).filter((word) => !word.startsWith("--env-file")),
	};
}

function inherited(...names: string[]): NodeJS.ProcessEnv {
	return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

async function introduce(url: string, secret: Uint8Array, people: number): Promise<Person[]> {
	const platform = await token(secret, "bench-platform", "platform");
	const ids = Array.from({ length: people }, (_, index) => `bench-${index}`);
	await inParallel(SETUP_AT_ONCE, ids, (id) => call(url, platform, "PUT", `/platform/users/${id}`, { name: `Person ${id}` }));
	const pairs = await inParallel(
		SETUP_AT_ONCE,
		ids
			.entries()
			.filter(([index]) => index % 2 === 0)
			.toArray(),
		async ([index, applicantId]) => {
			const employerId = `bench-${index + 1}`;
			const job = { applicantId, employerId, jobTitle: "Load tester", status: "SUBMITTED" };
			await call(url, platform, "PUT", `/platform/applications/bench-${index}`, job);
			const tokens = await Promise.all([applicantId, employerId].map((id) => token(secret, id, "user")));
			const conversation = await call(url, tokens[0] ?? "", "POST", "/conversations", { jobApplicationId: `bench-${index}` });
			return tokens.map((userToken) => ({ auth: { token: userToken }, conversationId: conversation.id }));
		},
	);
	return pairs.flat();
}

function token(secret: Uint8Array, subject: string, role: string): Promise<string> {
	return new SignJWT({ role }).setProtectedHeader({ alg: "HS256" }).setSubject(subject).setExpirationTime("2h").sign(secret);
}

async function call(url: string, bearer: string, method: string, path: string, body: object): Promise<{ id: string }> {
	const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
	const answer = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
	const text = await answer.text();
	if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
	return text === "" ? { id: "" } : JSON.parse(text);
}
