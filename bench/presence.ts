import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { type Service, ServiceBroker, type ServiceSchema } from "moleculer";
import pg from "pg";
import { startPostgres } from "../embedded/postgres.ts";
import { chunksOf } from "../lib/chunks.ts";
import { readConfig } from "../lib/config/config.ts";
import { migrate } from "../migrations/migrate.ts";
import { brokerOptions } from "../moleculer.config.ts";
import { callsOf } from "../services/contracts.ts";
import conversations from "../services/conversations/conversations.service.ts";
import { PresenceReporter } from "../services/gateway/presence-reporter.ts";
import { type ClientSocket, Sockets } from "../services/gateway/sockets.ts";
import type { Announcements } from "../services/presence/announcements.ts";
import type { Status } from "../services/presence/presence.contract.ts";
import presence from "../services/presence/presence.service.ts";
import type { Registry } from "../services/presence/registry.ts";
import { defineService } from "../services/service.ts";
import { startRedis } from "../testing/redis.ts";
import { until } from "../testing/until.ts";

/**
 * What a gateway costs the registry: it joins with all its users, renews, changes, is lost by Redis, and dies. Two presence nodes,
 * conversations, the gateway and another one run in this process, over a bus that turns all into JSON; Redis and PostgreSQL are
 * servers. The other gateway has not reported, so it gets every push, which are counted. Exit code 1 when a call failed, or when
 * something was not told or told twice.
 */
const { values } = parseArgs({
	options: { users: { type: "string", default: "50000" }, partners: { type: "string", default: "10" } },
});
const [userCount, partnerCount] = [Number(values.users), Number(values.partners)];
const userIds = Array.from({ length: userCount }, (_, i) => `user-${String(i).padStart(8, "0")}-of-the-bench`);
const tenth = userIds.slice(0, userCount / 10);
const rest = userIds.slice(tenth.length);

/** A step may take this long, its grace time included. */
const patient = { timeoutMs: 60_000, intervalMs: 20 };

/** The calls of one step. */
let cost = { calls: 0, failed: 0, longestMs: 0, longest: "" };
const rows: Record<string, unknown>[] = [];
const told: Record<string, number> = {};
const problems: string[] = [];

const folder = mkdtempSync(join(tmpdir(), "parley-presence-"));
const postgres = await startPostgres({ dataDir: folder });
const server = await startRedis(folder);
const redis = new Redis(server.url);
const brokers: ServiceBroker[] = [];
try {
	await migrate(postgres.url);
	await makeConversations();
	await redis.config("SET", "slowlog-log-slower-than", "1000", "slowlog-max-len", "100000");
	await measure();
	console.table(rows);
	const slow = (await redis.call("SLOWLOG", "GET", "-1")) as [number, number, number, string[]][];
	// Emptying Redis is the bench's own doing.
	const theirs = slow.filter(([, , , [command]]) => command?.toLowerCase() !== "flushall");
	const longestMs = theirs.reduce((most, [, , us]) => Math.max(most, us / 1000), 0);
	process.stdout.write(
		`${userCount} users with ${partnerCount} partners each. Redis was busy for more than 1 ms with ${theirs.length} commands, ` +
			`at the most ${longestMs.toFixed(1)} ms. ${problems.join(" ") || "No call failed or timed out; everything was told once."}\n`,
	);
	if (problems.length > 0) process.exitCode = 1;
} finally {
	for (const broker of brokers) await broker.stop();
	redis.disconnect();
	await server.process.stop();
	await postgres.stop();
	rmSync(folder, { recursive: true, force: true });
}

async function measure(): Promise<void> {
	const first = await startBroker([presence, conversations]);
	await startBroker([presence]);
	const other = await startBroker([countingGateway(told)]);
	const gateway = await startBroker([countingGateway({})]);
	for (const broker of brokers) await broker.waitForServices(["presence", "conversations", "gateway"], 10_000, 10);
	const calls = callsOf(other);
	const service: unknown = first.getLocalService("presence");
	const { registry, announcements } = service as { registry: Registry; announcements: Announcements };
	const sockets = new Sockets();
	let timesComplete = 0;
	const reporter = new PresenceReporter(gateway, sockets, { onLost: () => timesComplete++ });
	await reporter.renew();
	await until(() => timesComplete === 1, patient);

	await step("all users join: until they are in the registry", 1, async () => {
		for (const userId of userIds) sockets.add(userId, { data: {} } as ClientSocket);
		await Promise.all(userIds.map((userId) => reporter.report(userId)));
		await until(async () => (await redis.hlen(`users:${gateway.nodeID}`)) === userCount, patient);
	});
	await step("until others have been told", 1, everybodyTold);
	await expectShown("online", userIds);
	expectTold("user_online", userCount);
	await step("a renewal with its comparison", 20, () => reporter.renew());
	await step("a sweep with nothing to do", 20, async () => {
		await Promise.all([registry.expired(), announcements.claim(200)]);
	});
	for (const count of [1_000, 10_000]) {
		const some = userIds.slice(0, count);
		await step(`locating ${some.length} users`, 5, () => calls.call("presence.locate", { userIds: some }));
	}
	await step(`${tenth.length} users set themselves away: until others have been told`, 1, async () => {
		for (const userId of tenth) for (const { data } of sockets.of(userId)) data.status = "away";
		await Promise.all(tenth.map((userId) => reporter.report(userId, { chosen: true })));
		await everybodyTold();
	});
	await expectShown("away", tenth);
	expectTold("user_away", tenth.length);
	await step("Redis is emptied: until everybody is in the registry again", 1, async () => {
		await redis.flushall();
		await reporter.renew();
		await until(() => timesComplete === 2, patient);
	});
	await step("until others have been told", 1, everybodyTold);
	await expectShown("away", tenth);
	await expectShown("online", rest);
	expectTold("user_online", rest.length);
	expectTold("user_away", tenth.length);
	await step("the gateway dies: until it is removed", 1, async () => {
		await reporter.stop();
		brokers.splice(brokers.indexOf(gateway), 1);
		await gateway.stop();
		await until(async () => (await redis.zscore("leases", gateway.nodeID)) === null, patient);
	});
	await step("the grace time: until the first are told of as offline", 1, () => until(() => told.user_offline, patient));
	await step("until others have been told of all", 1, everybodyTold);
	await expectShown("offline", userIds);
	expectTold("user_offline", userCount);

	async function everybodyTold(): Promise<void> {
		await until(async () => (await redis.zcard("due")) + (await redis.zcard("telling")) === 0, patient);
	}

	async function expectShown(wanted: Status, people: string[]): Promise<void> {
		let others = 0;
		for (const chunk of chunksOf(people, 5_000)) {
			const shown = await calls.call("presence.lookup", { userIds: chunk });
			others += shown.filter(({ status }) => status !== wanted).length;
		}
		if (others > 0) problems.push(`${others} users were not shown as ${wanted}.`);
	}
}

/** Everybody's partners have heard of it since this was called last. */
function expectTold(event: string, people: number): void {
	const count = told[event] ?? 0;
	if (count !== people * partnerCount) problems.push(`${event} was told ${count} times instead of ${people * partnerCount}.`);
	told[event] = 0;
}

async function step(name: string, times: number, work: () => Promise<unknown>): Promise<void> {
	cost = { calls: 0, failed: 0, longestMs: 0, longest: "" };
	const startMs = performance.now();
	for (let i = 0; i < times; i++) await work();
	const ms = (performance.now() - startMs) / times;
	const { calls, failed, longestMs, longest } = cost;
	rows.push({ step: name, ms: round(ms), calls: calls / times, "longest call, ms": round(longestMs), longest, failed });
	if (failed > 0) problems.push(`${failed} calls failed.`);
}

function round(ms: number): number {
	return Number(ms.toFixed(ms < 10 ? 2 : 0));
}

type Call = (name: string, params: unknown, options?: object) => Promise<unknown>;

/** Keeps what each call costs its caller. */
function measured(call: Call): Call {
	return async (name, params, options) => {
		const startMs = performance.now();
		cost.calls++;
		try {
			return await call(name, params, options);
		} catch (error) {
			cost.failed++;
			process.stderr.write(`${name}: ${error}\n`);
			throw error;
		} finally {
			const ms = performance.now() - startMs;
			if (ms > cost.longestMs) Object.assign(cost, { longestMs: ms, longest: name });
		}
	};
}

async function startBroker(services: ServiceSchema[]): Promise<ServiceBroker> {
	const settings = { DATABASE_URL: postgres.url, REDIS_URL: server.url, JWT_SECRET: "x", LOG_LEVEL: "warn" };
	const options = brokerOptions({ ...readConfig(settings), databaseUrl: postgres.url });
	const broker = new ServiceBroker({ ...options, transporter: "Fake" });
	// Its types are overloads, which a wrapper cannot have.
	broker.call = measured(broker.call.bind(broker) as Call) as ServiceBroker["call"];
	for (const service of services) broker.createService(service);
	brokers.push(broker);
	await broker.start();
	return broker;
}

function countingGateway(counts: Record<string, number>): ServiceSchema {
	return defineService<"gateway", Service>("gateway", {
		actions: {
			deliver: {
				async handler({ params }) {
					for (const { to } of params.pushes) for (const { event } of to) counts[event] = (counts[event] ?? 0) + 1;
					return null;
				},
			},
			activity: {
				async handler() {
					return { activity: {} };
				},
			},
		},
	});
}

/** In a circle: each with those who come next, and so with those before. */
async function makeConversations(): Promise<void> {
	const client = new pg.Client({ connectionString: postgres.url });
	await client.connect();
	await client.query(
		`insert into conversations (id, user1_id, user2_id, job_application_id)
		select gen_random_uuid(), ids[i + 1], ids[1 + (i + step) % $2::int], i || '-' || step
		from (select $1::text[] as ids) as people, generate_series(0, $2::int - 1) as i, generate_series(1, $3::int) as step`,
		[userIds, userCount, partnerCount / 2],
	);
	await client.query("analyze conversations");
	await client.end();
}
