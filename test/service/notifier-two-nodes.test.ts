import { randomUUID } from "node:crypto";
import { chunksOf } from "../../lib/chunks.ts";
import { query } from "../support/database.ts";
import { SteppedNotifier } from "../support/notifier.ts";
import { useNodes } from "../support/use-node.ts";

jest.setTimeout(60_000);

const services = ["conversations", "directory", "messages", "presence"] as const;
const minute = 60;
const hour = 60 * minute;

let notifiers: SteppedNotifier[] = [];

// Above the nodes, so that they end before the nodes.
afterAll(() => Promise.all(notifiers.map((notifier) => notifier.close())));

const nodes = useNodes({ services }, { services });

beforeAll(() => {
	notifiers = nodes.map((node) => new SteppedNotifier(node, node.databaseUrl));
});

beforeEach(async () => {
	await query(nodes[0].databaseUrl, "truncate unnotified, notifications, devices");
	for (const notifier of notifiers) notifier.given.length = 0;
});

/** People with a device. Each gets a message in several conversations at 23:00 of tomorrow. Returns their ids. */
async function writeTo(people: number, conversations: number): Promise<string[]> {
	const userIds = Array.from({ length: people }, () => `person-${randomUUID()}`);
	const startMs = Math.floor(Date.now() / 86_400_000) * 86_400_000 + 47 * hour * 1_000;
	// Clocks of two nodes are never quite the same.
	for (const [i, notifier] of notifiers.entries()) notifier.nowMs = startMs + i * 7;
	const createdAt = new Date(startMs).toISOString();
	const rows = await query<{ conversationId: string; senderId: string }>(nodes[0].databaseUrl, writeStatement, [
		userIds,
		conversations,
		createdAt,
	]);
	// In the order of the conversations' ids, which are random, so the rows of a person are not next to each other.
	const messages = rows.map((row) => ({ ...row, seq: 1, createdAt }));
	for (const chunk of chunksOf(messages, 500)) await notifiers[0]?.note(...chunk);
	return userIds;
}

const writeStatement = `
with people as (
	insert into users (id, name, email) select id, 'Bob', id || '@example.org' from unnest($1::text[]) id returning id
),
reached as (
	insert into devices (id, user_id, kind, address) select gen_random_uuid(), id, 'fcm', 'token of ' || id from people
),
opened as (
	insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, user2_sent, last_message_at)
	select gen_random_uuid(), id, 'sender ' || n || ' to ' || id, n || ' ' || id, 1, 1, $3::timestamptz
	from people, generate_series(1, $2::int) n returning id, user1_id, user2_id
),
joined as (
	insert into participants (conversation_id, user_id) select id, person from opened, unnest(array[user1_id, user2_id]) person
),
written as (
	insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
	select id, 1, 0, 1, $3::timestamptz, gen_random_uuid(), gen_random_uuid(), user2_id, 'TEXT', 'hello', '{}' from opened
)
select id as "conversationId", user2_id as "senderId" from opened order by id`;

/** Lets time pass for both; then both work at once. Returns for each person what they were told. */
async function passBoth(seconds: number): Promise<Map<string, string[]>> {
	for (const notifier of notifiers) notifier.nowMs += seconds * 1_000;
	const given = (await Promise.all(notifiers.map((notifier) => notifier.work()))).flat();
	// What had a claim when the other one looked for the last time.
	for (const notifier of notifiers) given.push(...(await notifier.work()));
	const told = new Map<string, string[]>();
	for (const one of given) {
		const id = one.channel === "email" ? one.mail.to.replace(/@.*/, "") : one.device.address.replace("token of ", "");
		const what = one.channel === "email" ? "mail" : `push of ${one.content.kind === "NEW_MESSAGE" ? one.content.count : 0}`;
		told.set(id, [...(told.get(id) ?? []), what]);
	}
	return told;
}

/** Each of the people was told this once, and nobody anything else. */
function expectEach(told: Map<string, string[]>, userIds: string[], what: string): void {
	const differences = userIds.flatMap((id) => (String(told.get(id)) === what ? [] : [told.get(id) ?? "nothing"]));
	expect({ people: told.size, differences }).toEqual({ people: userIds.length, differences: [] });
}

test("two notifiers that work at once tell each person once, by push and later by mail", async () => {
	const userIds = await writeTo(1_200, 1);
	expectEach(await passBoth(31), userIds, "push of 1");
	expectEach(await passBoth(900), userIds, "mail");
	expect(await passBoth(hour)).toEqual(new Map());
});

test("at the end of a night, two notifiers that work at once make one digest for each person", async () => {
	const userIds = await writeTo(400, 5);
	await query(
		nodes[0].databaseUrl,
		"insert into notification_settings select id, true, true, true, true, '22:00', '07:00', 'UTC', false, 15 from unnest($1::text[]) id",
		[userIds],
	);
	expect(await passBoth(31)).toEqual(new Map());
	expectEach(await passBoth(8 * hour), userIds, "push of 5");
	expectEach(await passBoth(15 * minute), userIds, "mail");
});
