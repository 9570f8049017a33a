import { randomUUID } from "node:crypto";
import { until } from "../../testing/until.ts";
import { shareConversations } from "../support/presence.ts";
import { useNode } from "../support/use-node.ts";
import { type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(30_000);

const partnerCount = 6_000;

const heard: HeardPush[] = [];
const [first, second, third] = [`1-${randomUUID()}`, `2-${randomUUID()}`, `3-${randomUUID()}`] as const;
const partnerIds = Array.from({ length: partnerCount }, () => randomUUID());

const services = ["conversations", "directory", "presence"] as const;
const node = useNode({ services, others: [recordingGateway(heard)] });

beforeAll(async () => {
	for (const userId of [first, second, third]) await shareConversations(node.databaseUrl, userId, partnerIds);
});

test("an answer has whole users only, and no more of them than one message of the bus should carry; the rest is named", async () => {
	const { partners, rest } = await node.calls.call("conversations.partners", { userIds: [third, first, "unknown", second] });
	expect(Object.keys(partners)).toEqual([first]);
	expect(partners[first]?.toSorted()).toEqual(partnerIds.toSorted());
	expect(rest).toEqual([second, third]);
	// Two conversations with the same person make one partner.
	await shareConversations(node.databaseUrl, first, partnerIds.slice(0, 10));
	const again = await node.calls.call("conversations.partners", { userIds: [first] });
	expect([again.partners[first]?.length, again.rest]).toEqual([partnerCount, []]);
});

test("somebody with more partners than an answer may have is answered alone, with all of them", async () => {
	const busy = randomUUID();
	const many = Array.from({ length: 12_000 }, () => randomUUID());
	await shareConversations(node.databaseUrl, busy, many);
	const { partners, rest } = await node.calls.call("conversations.partners", { userIds: [busy] });
	expect([partners[busy]?.length, rest]).toEqual([12_000, []]);
});

test("when three people with 6,000 partners each come at once, every partner hears of each of them, once", async () => {
	const users = [first, second, third].map((userId) => ({ userId, status: "online" as const }));
	await node.calls.call("presence.report", { nodeId: randomUUID(), number: 1, users, since: 1 });
	await until(() => heard.length >= 3 * partnerCount, { timeoutMs: 20_000 });
	const told = heard.map(({ userId, event, payload }) => `${event} ${(payload as { userId: string }).userId} ${userId}`);
	const expected = [first, second, third].flatMap((userId) =>
		partnerIds.map((partnerId) => `user_online ${userId} ${partnerId}`),
	);
	expect(told.sort()).toEqual(expected.sort());
});
