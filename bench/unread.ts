import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceBroker } from "moleculer";
import pg from "pg";
import { io, type Socket } from "socket.io-client";
import { freePort } from "../embedded/free-port.ts";
import { startPostgres } from "../embedded/postgres.ts";
import { readConfig } from "../lib/config/config.ts";
import { signToken } from "../lib/token.ts";
import { migrate } from "../migrations/migrate.ts";
import { brokerOptions } from "../moleculer.config.ts";
import { callsOf } from "../services/contracts.ts";
import conversations from "../services/conversations/conversations.service.ts";
import applications from "../services/directory/applications.service.ts";
import users from "../services/directory/users.service.ts";
import gateway from "../services/gateway/gateway.service.ts";
import messages from "../services/messages/messages.service.ts";
import presence from "../services/presence/presence.service.ts";
import { cpuTimes } from "./proc.ts";

/**
 * What one incoming message costs (CPU of this process and of PostgreSQL) for a connected person with 5 and with 10,000 conversations,
 * each with unread messages, and what `GET /conversations/unread-count/count` costs them. They take turns. With `REDIS_URL` it uses
 * that server; without it Redis runs in this process.
 */
const sizes = [5, 10_000] as const;
const unreadInEach = 10;
const rounds = 5;
/** Messages of a round, one each `paceMs`. */
const [perRound, paceMs] = [200, 20];
const questions = 200;

const folder = mkdtempSync(join(tmpdir(), "parley-unread-"));
const postgres = await startPostgres({ dataDir: folder });
const postmasterPid = Number(readFileSync(join(folder, "postgres", "postmaster.pid"), "utf8").split("\n")[0]);
await migrate(postgres.url);
const people = await Promise.all(sizes.map((size) => makePerson(postgres.url, size)));

const port = await freePort();
const config = readConfig({
	DATABASE_URL: postgres.url,
	JWT_SECRET: "a secret of the bench that is long enough",
	REDIS_URL: process.env.REDIS_URL,
	LOG_LEVEL: "warn",
	HOST: "127.0.0.1",
	PORT: String(port),
	RATE_LIMIT_MESSAGES: "off",
	RATE_LIMIT_QUERIES: "off",
});
const broker = new ServiceBroker(brokerOptions({ ...config, databaseUrl: postgres.url }));
for (const service of [conversations, applications, users, gateway, messages, presence]) broker.createService(service);
await broker.start();
const calls = callsOf(broker);
const sockets = await Promise.all(people.map(({ id }) => connect(id)));

const results = people.map(() => ({ message: [] as number[], question: [] as number[] }));
for (let round = -1; round < rounds; round++) {
	for (const [i, person] of people.entries()) {
		const message = await cpuOf(perRound, () => sendTo(person));
		const question = await cpuOf(questions, () => ask(person));
		// The first turn warms up.
		if (round >= 0) results[i]?.message.push(message);
		if (round >= 0) results[i]?.question.push(question);
	}
}
const median = (values: number[] = []) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
for (const kind of ["message", "question"] as const) {
	const [few = Number.NaN, many = Number.NaN] = results.map((result) => median(result[kind]));
	process.stdout.write(
		`${kind === "message" ? "one incoming message" : "GET of the total"}: ${few.toFixed(2)} ms of CPU with ${sizes[0]} conversations, ` +
			`${many.toFixed(2)} ms with ${sizes[1]}, ratio ${(many / few).toFixed(2)} (medians of ${rounds})\n`,
	);
}
for (const socket of sockets) socket.disconnect();
await broker.stop();
await postgres.stop();
rmSync(folder, { recursive: true, force: true });

interface Person {
	id: string;
	conversations: { id: string; otherId: string }[];
}

async function makePerson(url: string, size: number): Promise<Person> {
	const id = `employer${size}`;
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	await client.query("insert into users (id, name) values ($1, $1)", [id]);
	const { rows } = await client.query<{ id: string; otherId: string }>(
		`insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, user1_sent, last_message_at)
		select gen_random_uuid(), $1 || 'applicant' || i, $1, $1 || i, $3, $3, now() from generate_series(1, $2::int) as i
		returning id, user1_id as "otherId"`,
		[id, size, unreadInEach],
	);
	await client.query(
		`insert into participants (conversation_id, user_id)
		select id, person from conversations, unnest(array[user1_id, user2_id]) as person where user2_id = $1`,
		[id],
	);
	await client.query(
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
		select id, seq, seq, 0, now(), gen_random_uuid(), gen_random_uuid(), user1_id, 'TEXT', repeat('x', 120), '{}'
		from conversations, generate_series(1, $2::int) as seq where user2_id = $1`,
		[id, unreadInEach],
	);
	await client.query("vacuum analyze");
	await client.end();
	return { id, conversations: rows };
}

async function connect(id: string): Promise<Socket> {
	const { secret = "" } = config.jwt;
	const token = await signToken({ sub: id, role: "user", ttlSeconds: 3_600, jwt: { secret } });
	const socket = io(`http://127.0.0.1:${port}/messaging`, { auth: { token }, transports: ["websocket"], forceNew: true });
	socket.on("message_received", (_message: unknown, acknowledge: () => void) => acknowledge());
	await new Promise<void>((resolve, reject) => {
		socket.on("connect", resolve);
		socket.on("connect_error", reject);
	});
	return socket;
}

async function sendTo({ conversations: open }: Person): Promise<void> {
	// In as many conversations of both: more pages of the database that change would cost more by themselves.
	const { id, otherId } = open[Math.floor(Math.random() * sizes[0])] as Person["conversations"][number];
	const meta = { user: { id: otherId, role: "user" as const } };
	await calls.call("messages.send", { conversationId: id, clientId: randomUUID(), content: "x".repeat(120) }, { meta });
	await sleep(paceMs);
}

async function ask({ id }: Person): Promise<void> {
	await calls.call("conversations.unreadCount", {}, { meta: { user: { id, role: "user" } } });
}

/** CPU in ms by repetition; what happens afterwards for it within a second counts too. */
async function cpuOf(times: number, work: () => Promise<void>): Promise<number> {
	const before = cpuTimes([], postmasterPid).postgresMs;
	const own = process.cpuUsage();
	for (let i = 0; i < times; i++) await work();
	await sleep(500);
	const { user, system } = process.cpuUsage(own);
	return ((user + system) / 1_000 + cpuTimes([], postmasterPid).postgresMs - before) / times;
}
