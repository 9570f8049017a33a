import { randomUUID } from "node:crypto";
import { chunksOf } from "../../lib/chunks.ts";
import { InApp } from "../../services/notifier/in-app/in-app.ts";
import { quietUntil } from "../../services/notifier/settings/quiet-hours.ts";
import { settingsOf } from "../../services/notifier/settings/settings.ts";
import { shortOf } from "../../services/notifier/templates/short.ts";
import { eventually } from "../../testing/until.ts";
import { asPlatform } from "../support/broker.ts";
import { query } from "../support/database.ts";
import {
	type Cell,
	cellsOf,
	digestWindowMinutes,
	type Expected,
	expectedOf,
	lastAct,
	mutedUntil,
	type Night,
	nightsOf,
} from "../support/notification-table.ts";
import { type Given, SteppedNotifier } from "../support/notifier.ts";
import { registerUser } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";
import { type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(240_000);

/** Somebody to whom a cell of the table happens. */
interface Person {
	id: string;
	conversationId: string;
	cell: Cell;
}

/** A connected person is looked at again after this time. */
const lookSeconds = 30;
const lastSecond = 10 * 3_600;
const minute = 60;

const heard: HeardPush[] = [];
let active = new Set<string>();
let startMs = 0;
let notifier: SteppedNotifier;

// Above the node, so that it ends before the node.
afterAll(() => notifier.close());

const node = useNode({
	services: ["conversations", "directory", "messages", "presence"],
	others: [recordingGateway(heard, [], (userId) => (active.has(userId) ? lastActMs() : undefined))],
});

beforeAll(() => {
	notifier = new SteppedNotifier(node, node.databaseUrl);
});

test.each(nightsOf(new Date().getUTCFullYear() + 1))(
	"whoever they are and whatever they chose, people are told as the table says: $name",
	async (night) => {
		startMs = night.startsAtMs;
		notifier.nowMs = startMs;
		const people = await settle(night);
		active = new Set(people.filter(({ cell }) => cell.presence === "online, active").map(({ id }) => id));
		const sendersId = await registerUser(node.calls);
		await write(people, sendersId);
		const told = await tellInApp(people);
		const given = await passNight(people);

		const differences = people.flatMap(({ id, cell }) => {
			const expected = expectedOf(cell);
			const actual = { inApp: told.has(id), push: given.push.get(id) ?? [], email: given.email.get(id) ?? [] };
			return isAsExpected(expected, actual)
				? []
				: [`${describeCell(cell)}: ${JSON.stringify(expected)} but ${JSON.stringify(actual)}`];
		});
		expect({ count: differences.length, first: differences.slice(0, 20) }).toEqual({ count: 0, first: [] });
	},
);

interface Actual {
	inApp: boolean;
	/** When it was tried, in seconds. */
	push: number[];
	email: number[];
}

function isAsExpected(expected: Expected, actual: Actual): boolean {
	const isAt = (due: number | undefined, at: number[]) => {
		if (due === undefined) return at.length === 0;
		const [first = Number.NaN, ...more] = at;
		return more.length === 0 && first >= due && first <= due + lookSeconds + stepAt(due);
	};
	return expected.inApp === actual.inApp && isAt(expected.push, actual.push) && isAt(expected.email, actual.email);
}

const describeCell = ({ quiet, ...cell }: Cell) => JSON.stringify({ quiet: quiet.name, ...cell });

/** Somebody for each cell, with the conversation, the settings and the device. */
async function settle(night: Night): Promise<Person[]> {
	await query(node.databaseUrl, "truncate unnotified, notifications, devices");
	const people = cellsOf(night).map((cell) => ({ id: `person-${randomUUID()}`, conversationId: randomUUID(), cell }));
	await query(node.databaseUrl, settleStatement, [
		JSON.stringify(
			people.map(({ id, cell }) => ({
				...{ id, zone: cell.quiet.timezone === null ? "Europe/Vienna" : "Asia/Tokyo", quietZone: cell.quiet.timezone },
				...{ quiet: cell.quiet.enabled, start: cell.quiet.start, end: cell.quiet.end },
				...{ inApp: cell.inApp, email: cell.email, push: cell.push, digest: cell.digest, device: cell.device !== "none" },
			})),
		),
		digestWindowMinutes,
	]);
	return people;
}

const settleStatement = `
with people as (
	select * from jsonb_to_recordset($1) as p (id text, zone text, "quietZone" text, quiet boolean, start text, "end" text,
		"inApp" boolean, email boolean, push boolean, digest boolean, device boolean)
),
registered as (
	insert into users (id, name, email, timezone) select id, 'Bob', id || '@example.org', zone from people
),
chosen as (
	insert into notification_settings (user_id, in_app, email, push, quiet_enabled, quiet_start, quiet_end, quiet_timezone,
		digest_enabled, digest_window_minutes)
	select id, "inApp", email, push, quiet, start, "end", "quietZone", digest, $2 from people
)
insert into devices (id, user_id, kind, address) select gen_random_uuid(), id, 'fcm', 'token of ' || id from people where device`;

/** One message to each of them, now. Then what the table says of them becomes true. */
async function write(people: Person[], senderId: string): Promise<void> {
	const createdAt = new Date(startMs).toISOString();
	await query(node.databaseUrl, writeStatement, [
		people.map(({ conversationId }) => conversationId),
		people.map(({ id }) => id),
		people.map(({ cell: { muted } }) => muteTimes[muted]()),
		senderId,
		createdAt,
	]);
	for (const chunk of chunksOf(people, 500)) {
		await notifier.note(...chunk.map(({ conversationId }) => ({ conversationId, seq: 1, senderId, createdAt })));
	}
	const arrived = people.filter(({ cell }) => cell.presence !== "offline" && cell.presence !== "socket is dead");
	const acks = arrived.map(({ id, conversationId }) => ({ userId: id, conversationId, seq: 1 }));
	await node.calls.call("messages.markDelivered", { acks });
	await reportConnected(people);
	for (const { id, cell } of people) if (cell.erased) await node.calls.call("users.erase", { id }, asPlatform);
}

const muteTimes: Record<Cell["muted"], () => string | null> = {
	never: () => null,
	"until 23:20": () => new Date(startMs + mutedUntil * 1_000).toISOString(),
	"for ever": () => "9999-12-31T00:00:00.000Z",
};

const writeStatement = `
with opened as (
	insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, user2_sent, last_message_at, created_at)
	select id, person, $4, id::text, 1, 1, $5::timestamptz, $5::timestamptz
	from unnest($1::uuid[], $2::text[]) as p (id, person)
),
joined as (
	insert into participants (conversation_id, user_id, muted_until)
	select id, person, until from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as p (id, person, until)
	union all select id, $4, null from unnest($1::uuid[]) id
)
insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
select id, 1, 0, 1, $5::timestamptz, gen_random_uuid(), gen_random_uuid(), $4, 'TEXT', 'hello', '{}' from unnest($1::uuid[]) id`;

let reports = 0;

async function reportConnected(people: Person[]): Promise<void> {
	const connected = people.filter(({ cell }) => !cell.presence.startsWith("offline"));
	const since = reports + 1;
	for (const chunk of chunksOf(connected, 1_000)) {
		const users = chunk.map(({ id, cell }) => ({
			userId: id,
			status: cell.presence === "away" ? ("away" as const) : ("online" as const),
		}));
		await node.calls.call("presence.report", { nodeId: node.broker.nodeID, number: ++reports, users });
	}
	await node.calls.call("presence.report", { nodeId: node.broker.nodeID, number: ++reports, users: [], since });
}

/** Those who were told on their sockets. */
async function tellInApp(people: Person[]): Promise<Set<string>> {
	const { broker, db, shown } = notifier.context;
	heard.length = 0;
	const inApp = new InApp({ broker, db, shown, now: () => notifier.nowMs, settingsOf, quietUntil, shortOf });
	inApp.told(people.map(({ id, conversationId }) => ({ conversationId, userId: id, seq: 1 })));
	await inApp.stop();
	return new Set(heard.filter(({ event }) => event === "notification").map(({ userId }) => userId));
}

/** Lets the night pass. Returns who was told when, in seconds. */
async function passNight(people: Person[]): Promise<Record<"push" | "email", Map<string, number[]>>> {
	const told = { push: new Map<string, number[]>(), email: new Map<string, number[]>() };
	const gone = new Set(people.filter(({ cell }) => cell.device === "gone").map(({ id }) => id));
	notifier.answer = (given) => {
		const id = recipientOf(given);
		const times = told[given.channel === "email" ? "email" : "push"];
		times.set(id, [...(times.get(id) ?? []), second()]);
		return given.channel !== "email" && gone.has(id) ? { kind: "gone", reason: "410" } : { kind: "accepted" };
	};
	let renewedMs = Date.now();
	while (second() < lastSecond) {
		// A gateway's lease ends in real time.
		if (Date.now() > renewedMs + 5_000) {
			renewedMs = Date.now();
			await node.calls.call("presence.renew", { nodeId: node.broker.nodeID });
		}
		notifier.nowMs += stepAt(second()) * 1_000;
		// What fails on a busy machine is worked again, as by the sweeps.
		await eventually(async () => void (await notifier.work()));
	}
	return told;
}

function recipientOf(given: Given): string {
	return given.channel === "email" ? given.mail.to.replace(/@.*/, "") : given.device.address.replace("token of ", "");
}

const second = () => (notifier.nowMs - startMs) / 1_000;

/** All times of the table are multiples of these. */
function stepAt(at: number): number {
	if (at < minute) return 10;
	return at < 60 * minute ? 30 : 5 * minute;
}

/** A person who is active does something each minute, until an hour that the table says. */
function lastActMs(): number {
	return startMs + Math.min(Math.floor(second() / minute) * minute, lastAct) * 1_000;
}
