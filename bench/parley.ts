import { randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import { freePort } from "../embedded/free-port.ts";
import { inParallel } from "../testing/in-parallel.ts";
import { inherited, startCommand, unlimited } from "../testing/parley.ts";
import type { Person } from "./load-plan.ts";
import { type Server, type Start, startServer } from "./server.ts";

const maxParallelSetup = 16;

/** Parley as `npm start` runs it, with everything but rate limits, which would stop the load. */
export async function startParley(nodeArgs: readonly string[]): Promise<Server> {
	const secret = randomBytes(32).toString("hex");
	const sign = (subject: string, role: string) => token(new TextEncoder().encode(secret), subject, role);
	const command = startCommand();
	const start: Start = {
		name: "parley",
		hasIndex: true,
		args: () => command.args,
		env: async (port, folder) => ({
			...inherited("PATH", "HOME", "USER", "LANG", "TMPDIR"),
			...command.env,
			HOST: "127.0.0.1",
			PORT: String(port),
			METRICS_PORT: String(await freePort()),
			DATA_DIR: folder,
			DEMO: "off",
			LOG_LEVEL: "warn",
			JWT_SECRET: secret,
			...unlimited,
		}),
		createPeople: (url, people) => createPeople(url, sign, people),
	};
	return startServer(start, nodeArgs);
}

/** Signs a token. */
export type Sign = (subject: string, role: "user" | "platform") => Promise<string>;

/** Creates people, applications and conversations over the server's REST routes. */
export async function createPeople(url: string, sign: Sign, people: number): Promise<Person[]> {
	const platform = await sign("bench-platform", "platform");
	const ids = Array.from({ length: people }, (_, index) => `bench-${index}`);
	await inParallel(maxParallelSetup, ids, (id) => call(url, platform, "PUT", `/platform/users/${id}`, { name: `Person ${id}` }));
	const pairs = await inParallel(
		maxParallelSetup,
		ids
			.entries()
			.filter(([index]) => index % 2 === 0)
			.toArray(),
		async ([index, applicantId]) => {
			const employerId = `bench-${index + 1}`;
			const job = { applicantId, employerId, jobTitle: "Load tester", status: "SUBMITTED" };
			await call(url, platform, "PUT", `/platform/applications/bench-${index}`, job);
			const tokens = await Promise.all([applicantId, employerId].map((id) => sign(id, "user")));
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
