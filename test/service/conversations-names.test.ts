import { randomUUID } from "node:crypto";
import type { Conversation } from "../../services/conversations/conversations.contract.ts";
import { until } from "../../testing/until.ts";
import { as, asPlatform, startBroker } from "../support/broker.ts";
import { bulkConversations } from "../support/bulk.ts";
import { query } from "../support/database.ts";
import { type Conversing, openConversation, registerUser } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";
import { type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(60_000);

const pushes: HeardPush[] = [];

const node = useNode({
	services: ["conversations", "directory", "messages"],
	others: [recordingGateway(pushes)],
});

/** Each change by the platform's call, and as its node leaves it that dies between the commit and the event. */
const changes: [
	what: string,
	change: (pair: Conversing) => Promise<unknown>,
	shown: (c: Conversation) => unknown,
	now: string,
][] = [
	[
		"a new name",
		({ employerId }) => node.calls.call("users.put", { id: employerId, name: "Roberta" }, asPlatform),
		nameOfEmployer,
		"Roberta",
	],
	[
		"a new name of which no event told",
		({ employerId }) => query(node.databaseUrl, "update users set name = 'Roberta' where id = $1", [employerId]),
		nameOfEmployer,
		"Roberta",
	],
	[
		"the name of somebody who was erased",
		({ employerId }) => node.calls.call("users.erase", { id: employerId }, asPlatform),
		nameOfEmployer,
		"Deleted user",
	],
	[
		"a new title",
		({ jobApplicationId: id, applicantId, employerId }) => {
			const application = { id, applicantId, employerId, jobTitle: "Baker", status: "OPEN" };
			return node.calls.call("applications.put", application, asPlatform);
		},
		({ jobTitle }) => jobTitle,
		"Baker",
	],
	[
		"a new title of which no event told",
		({ jobApplicationId }) =>
			query(node.databaseUrl, "update job_applications set job_title = 'Baker' where id = $1", [jobApplicationId]),
		({ jobTitle }) => jobTitle,
		"Baker",
	],
];

test.each(changes)("%s is told by sync, and shown to the devices of both", async (_what, change, shown, now) => {
	const pair = await openConversation(node.calls);
	const { conversationId, applicantId, employerId } = pair;
	const since = await settledCursor(applicantId);
	const before = await node.calls.call("conversations.get", { conversationId }, as(applicantId));
	await change(pair);

	await until(async () => {
		const { conversations } = await node.calls.call("conversations.sync", { since }, as(applicantId));
		return conversations.some((one) => one.id === conversationId && shown(one) === now);
	});
	for (const userId of [applicantId, employerId]) {
		const push = await until(() => updatesFor(userId).find(({ conversation }) => shown(conversation) === now));
		expect(push.conversation.id).toBe(conversationId);
		expect(push.conversation.updatedAt > before.updatedAt).toBe(true);
	}
	await expectNothingNoted();
});

test("the same name again is no news", async () => {
	const { applicantId, employerId, conversationId } = await openConversation(node.calls);
	const since = await settledCursor(applicantId);
	await node.calls.call("users.put", { id: employerId, name: "Bob Employer", email: "new@example.org" }, asPlatform);
	await expectNothingNoted();
	const { conversations } = await node.calls.call("conversations.sync", { since }, as(applicantId));
	expect(conversations.map(({ id }) => id)).not.toContain(conversationId);
});

test("the new name of somebody with many conversations is told in all of them, some rows at a time", async () => {
	const [applicantId, employerId] = [await registerUser(node.calls, "Ada"), await registerUser(node.calls)];
	const ids = await bulkConversations(node.databaseUrl, { applicantId, employerId, count: 450 });
	const name = `Ada ${randomUUID()}`;
	const xid = await currentXid();
	await node.calls.call("users.put", { id: applicantId, name }, asPlatform);
	await expectNothingNoted();
	const told = await query<{ count: number }>(
		node.databaseUrl,
		"select count(*)::int from conversations where id = any ($1::uuid[]) and changed_xid >= $2::xid8 group by changed_xid",
		[ids, xid],
	);
	const counts = told.map(({ count }) => count);
	expect(counts.reduce((sum, count) => sum + count)).toBe(450);
	expect(Math.max(...counts)).toBeLessThanOrEqual(100);
	const shown = updatesFor(employerId).filter(({ conversation }) => JSON.stringify(conversation.participants).includes(name));
	expect(new Set(shown.map(({ conversation }) => conversation.id))).toEqual(new Set(ids));
});

test("of many names one after the other, while one is being told, the last one stays", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const puts: Promise<unknown>[] = [];
	for (let n = 0; n <= 20; n++) {
		const put = node.calls.call("users.put", { id: employerId, name: `Name ${n}` }, asPlatform);
		puts.push(put);
		if (n % 5 === 0) await until(() => updatesFor(applicantId).some(({ conversation }) => conversation.id === conversationId));
	}
	await Promise.all(puts);
	await node.calls.call("users.put", { id: employerId, name: "The last" }, asPlatform);
	await expectNothingNoted();
	await until(() => updatesFor(applicantId).some(({ conversation }) => nameOfEmployer(conversation) === "The last"));
	const newest = updatesFor(applicantId).toSorted((a, b) => (a.conversation.updatedAt < b.conversation.updatedAt ? -1 : 1));
	expect(newest.at(-1)?.conversation).toMatchObject({ participants: [{}, { name: "The last" }] });
});

test("what a node noted and did not tell before it ended, the next one tells", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const since = await settledCursor(applicantId);
	const directory = await startBroker({ databaseUrl: node.databaseUrl, services: ["directory"] });
	await directory.calls.call("users.put", { id: employerId, name: "Untold" }, asPlatform);
	await directory.stop();
	await until(async () => {
		const { conversations } = await node.calls.call("conversations.sync", { since }, as(applicantId));
		return conversations.some((one) => one.id === conversationId && nameOfEmployer(one) === "Untold");
	});
});

function nameOfEmployer({ participants }: Conversation): string | undefined {
	return participants[1]?.name;
}

function updatesFor(userId: string): { conversation: Conversation }[] {
	return pushes
		.filter((push) => push.userId === userId && push.event === "conversation_updated")
		.map(({ payload }) => payload as { conversation: Conversation });
}

/** Everything was told. */
async function expectNothingNoted(): Promise<void> {
	await until(async () => {
		const rows = await query(
			node.databaseUrl,
			"select id from users where renamed_xid is not null union all select id from job_applications where renamed_xid is not null",
		);
		return rows.length === 0;
	});
}

async function currentXid(): Promise<string> {
	const [row] = await query<{ xid: string }>(node.databaseUrl, "select pg_snapshot_xmax(pg_current_snapshot())::text as xid");
	return String(row?.xid);
}

/** A cursor behind which nothing is left. */
function settledCursor(userId: string): Promise<string> {
	return until(async () => {
		const { nextSince } = await node.calls.call("conversations.sync", {}, as(userId));
		const { conversations } = await node.calls.call("conversations.sync", { since: nextSince }, as(userId));
		return conversations.length === 0 ? nextSince : null;
	});
}
