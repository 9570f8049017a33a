import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { ServiceBroker } from "moleculer";
import pg from "pg";
import { startPostgres } from "../embedded/postgres.ts";
import { readConfig } from "../lib/config/config.ts";
import { migrate } from "../migrations/migrate.ts";
import { brokerOptions } from "../moleculer.config.ts";
import { callsOf } from "../services/contracts.ts";
import conversations from "../services/conversations/conversations.service.ts";
import presence from "../services/presence/presence.service.ts";

/**
 * Measures the connection of a user with 1,000 partners, half of them online: the time until the gateway has its answer, and the time
 * until all partners are looked up and located. With `REDIS_URL` it uses that server; without it Redis runs in this process.
 */
const partners = 1_000;
const rounds = 50;
const nodeId = "gateway";

const folder = mkdtempSync(join(tmpdir(), "parley-partners-"));
const postgres = await startPostgres({ dataDir: folder });
await migrate(postgres.url);
await makeConversations(postgres.url);
const config = readConfig({ DATABASE_URL: postgres.url, JWT_SECRET: "x", REDIS_URL: process.env.REDIS_URL, LOG_LEVEL: "warn" });
const broker = new ServiceBroker(brokerOptions({ ...config, databaseUrl: postgres.url }));
broker.createService(conversations);
broker.createService(presence);
await broker.start();
const calls = callsOf(broker);

const online = Array.from({ length: partners / 2 }, (_, i) => ({ userId: `partner${i}`, status: "online" as const }));
let number = 1;
await calls.call("presence.report", { nodeId, number, users: online, since: number });
const answered: number[] = [];
const done: number[] = [];
for (let round = 0; round < rounds; round++) {
	const start = performance.now();
	await calls.call("presence.report", { nodeId, number: ++number, users: [{ userId: "busy", status: "online" }] });
	answered.push(performance.now() - start);
	const { partners: found } = await calls.call("conversations.partners", { userIds: ["busy"] });
	await calls.call("presence.locate", { userIds: found.busy ?? [] });
	done.push(performance.now() - start);
	await calls.call("presence.report", { nodeId, number: ++number, users: [{ userId: "busy", status: "offline" }] });
}
const median = (values: number[]) => (values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0).toFixed(1);
process.stdout.write(
	`${partners} partners, Redis ${config.redisUrl ? "as a server" : "in this process"}: ` +
		`the socket waits ${median(answered)} ms, all is done after ${median(done)} ms (medians of ${rounds})\n`,
);
await broker.stop();
await postgres.stop();
rmSync(folder, { recursive: true, force: true });

async function makeConversations(url: string): Promise<void> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	await client.query(`
		insert into conversations (id, user1_id, user2_id, job_application_id)
		select gen_random_uuid(), 'partner' || i, 'busy', 'application' || i from generate_series(0, ${partners - 1}) as i`);
	await client.query(`
		insert into participants (conversation_id, user_id)
		select id, user1_id from conversations union all select id, user2_id from conversations`);
	await client.end();
}
