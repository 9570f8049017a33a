import { parseArgs } from "node:util";
import pg from "pg";
import { migrate } from "../migrations/migrate.ts";
import { startCluster } from "../testing/cluster.ts";
import { startPostgresServer } from "../testing/postgres-server.ts";
import { until } from "../testing/until.ts";
import { type Providers, startProviders } from "./notification-providers.ts";
import { cpuTimes } from "./proc.ts";
import { makeFolder, removeFolder } from "./scratch.ts";

/**
 * Measures how long one notifier takes to tell people whose time has come all at once. Every service has a process of its own; the
 * providers run in this one, and answer after 50 ms. First everybody has a device, then nobody has one, so that mails go out.
 *
 *     node bench/notifications.ts [--people 10000]
 */
const { values } = parseArgs({ options: { people: { type: "string", default: "10000" } } });
const people = Number(values.people);
const answerMs = 50;
const allowedSeconds = 60;
const givenUpSeconds = 5 * allowedSeconds;
const sentSql = "select count(*)::int as count from notifications where state = 'SENT'";

const folder = await makeFolder();
const postgres = await startPostgresServer(folder);
const providers = await startProviders(folder, answerMs);
try {
	await migrate(postgres.url);
	const sql = new pg.Client({ connectionString: postgres.url });
	await sql.connect();
	await seed(sql);
	const cluster = await startCluster({ databaseUrl: postgres.url, env: { ...providers.env, LOG_LEVEL: "error" } });
	const seconds: number[] = [];
	try {
		for (const way of ["pushes", "mails"] as const) {
			const pids = [...cluster.nodes.values()].map(({ pid }) => pid);
			const notifier = cluster.node("notifier-1").pid;
			seconds.push(await measure(sql, way, { pids, notifier, postmaster: postgres.pid() }, providers));
		}
	} finally {
		await cluster.stop();
	}
	await sql.end();
	const slowest = Math.max(...seconds);
	const verdict = slowest < allowedSeconds ? "passed" : "failed";
	process.stdout.write(`notifications: ${slowest.toFixed(1)} s of ${allowedSeconds} allowed (${people} people): ${verdict}\n`);
	process.exitCode = verdict === "passed" ? 0 : 1;
} finally {
	await providers.stop();
	await postgres.stop();
	await removeFolder(folder);
}

/** Returns the seconds from when all are due until all are noted as sent. */
async function measure(
	sql: pg.Client,
	way: "pushes" | "mails",
	{ pids, notifier, postmaster }: { pids: number[]; notifier: number; postmaster: number },
	{ accepted: before }: Providers,
): Promise<number> {
	if (way === "mails") await sql.query("delete from devices");
	await sql.query("truncate notifications, unnotified");
	const cpuOf = () => ({ ...cpuTimes(pids, postmaster), notifierMs: cpuTimes([notifier], postmaster).serverMs });
	const [beforeCpu, fromMs] = [cpuOf(), performance.now()];
	await sql.query(`
		insert into unnotified (conversation_id, user_id, channel, first_seq, first_at, last_seq, last_at, due_at)
		select conversation_id, sender.user_id, 'push', 1, created_at, 1, created_at, now()
		from messages join lateral (select replace(sender_id, 'sender', 'reader') as user_id) sender on true`);
	await until(async () => (await sql.query(sentSql)).rows[0].count === people, {
		timeoutMs: givenUpSeconds * 1_000,
		intervalMs: 100,
	});
	const [seconds, cpu] = [(performance.now() - fromMs) / 1_000, cpuOf()];
	const each = (name: "serverMs" | "postgresMs" | "notifierMs") => ((cpu[name] - beforeCpu[name]) / people).toFixed(2);
	const double = providers.accepted - before - people;
	process.stdout.write(
		`${people} ${way}: ${seconds.toFixed(1)} s, ${Math.round(people / seconds)}/s, ${double} came twice, CPU ms each: ` +
			`notifier ${each("notifierMs")}, all services ${each("serverMs")}, PostgreSQL ${each("postgresMs")}\n`,
	);
	return seconds;
}

/** Everybody has an unread message, a device and a mail address. */
async function seed(sql: pg.Client): Promise<void> {
	for (const statement of [
		`insert into users (id, name, email)
		select kind || i, initcap(kind), kind || i || '@example.org' from generate_series(1, ${people}) i, unnest(array['reader', 'sender']) kind`,
		`insert into job_applications (id, applicant_id, employer_id, job_title, status)
		select 'application' || i, 'sender' || i, 'reader' || i, 'Baker', 'NEW' from generate_series(1, ${people}) i`,
		`insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, user1_sent, user2_sent, last_message_at)
		select gen_random_uuid(), 'reader' || i, 'sender' || i, 'application' || i, 1, 0, 1, now() - interval '1 hour'
		from generate_series(1, ${people}) i`,
		`insert into participants (conversation_id, user_id) select id, user1_id from conversations`,
		`insert into participants (conversation_id, user_id, read_seq, delivered_seq) select id, user2_id, 1, 1 from conversations`,
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
		select id, 1, 0, 1, last_message_at, gen_random_uuid(), gen_random_uuid(), user2_id, 'TEXT', 'Are you free on Monday?', '{}'
		from conversations`,
		`insert into devices (id, user_id, kind, address)
		select gen_random_uuid(), 'reader' || i, 'fcm', 'token' || i from generate_series(1, ${people}) i`,
		"vacuum analyze",
	])
		await sql.query(statement);
}
