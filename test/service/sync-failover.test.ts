import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "../../migrations/migrate.ts";
import { as, startBroker, type TestNode } from "../support/broker.ts";
import { openConversation, send } from "../support/platform.ts";
import { type Replicated, startReplicated } from "../support/standby.ts";

jest.setTimeout(120_000);

const services = ["conversations", "directory", "messages"] as const;

let folder: string;
let servers: Replicated;
let before: TestNode;
let after: TestNode;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "parley-failover-"));
	servers = await startReplicated(folder, migrate);
	before = await startBroker({ databaseUrl: servers.primary.url, services });
	after = await startBroker({ databaseUrl: servers.standby.url, services });
});

afterAll(async () => {
	await after?.stop();
	await before?.stop();
	await servers?.stop();
	rmSync(folder, { recursive: true });
});

test("a cursor from before a failover means to start afresh at once; a standby, which may be behind, gives no answer", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(before.calls);
	await send(before.calls, conversationId, applicantId);
	const me = as(employerId);
	const { nextSince } = await before.calls.call("conversations.sync", {}, me);
	await servers.caughtUp();
	await expect(after.calls.call("conversations.sync", { since: nextSince }, me)).rejects.toMatchObject({ type: "UNAVAILABLE" });

	await servers.promote();
	const answer = await after.calls.call("conversations.sync", { since: nextSince }, me);
	expect(answer).toMatchObject({ reset: true, conversations: [{ id: conversationId, lastSeq: 1 }] });

	await send(after.calls, conversationId, applicantId);
	const next = await after.calls.call("conversations.sync", { since: answer.nextSince }, me);
	expect(next).toMatchObject({ reset: false, conversations: [{ id: conversationId, lastSeq: 2 }] });
});
