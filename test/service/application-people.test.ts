import { randomUUID } from "node:crypto";
import pg from "pg";
import { migrations } from "../../migrations/index.ts";
import { migrate } from "../../migrations/migrate.ts";
import { as, asPlatform, startBroker } from "../support/broker.ts";
import { createDatabase, query } from "../support/database.ts";
import { openConversation, type Pair, registerApplication, registerUser, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

const services = ["conversations", "directory", "messages"] as const;
const node = useNode({ services });

test("a recruiter who has a conversation is not replaced in its application, which may change otherwise", async () => {
	const conversing = await openConversation(node.calls);
	const { conversationId, applicantId, employerId, jobApplicationId } = conversing;
	await expect(put({ ...conversing, employerId: await registerUser(node.calls) })).rejects.toMatchObject({
		type: "VALIDATION_FAILED",
		data: [{ path: "employerId", message: "must stay: the two people have a conversation" }],
	});
	expect(await put(conversing, "HIRED")).toMatchObject({ id: jobApplicationId, applicantId, employerId, status: "HIRED" });
	await send(node.calls, conversationId, employerId);
});

test("applicant and employer who have a conversation are not swapped, and do not get a second one", async () => {
	const conversing = await openConversation(node.calls);
	const { applicantId, employerId, jobApplicationId, conversationId } = conversing;
	const swapped = put({ ...conversing, applicantId: employerId, employerId: applicantId });
	await expect(swapped).rejects.toMatchObject({ data: [{ path: "applicantId" }, { path: "employerId" }] });
	for (const person of [applicantId, employerId]) {
		expect((await create(jobApplicationId, person)).id).toBe(conversationId);
	}
});

test("until they have a conversation, the people of an application may change", async () => {
	const pair = await registerApplication(node.calls);
	const successor = await registerUser(node.calls);
	const stranger = await registerUser(node.calls);
	await expect(create(pair.jobApplicationId, stranger)).rejects.toMatchObject({ type: "NOT_FOUND" });
	await put({ ...pair, employerId: successor });
	await expect(create(pair.jobApplicationId, pair.employerId)).rejects.toMatchObject({ type: "NOT_FOUND" });
	const { participants } = await create(pair.jobApplicationId, successor);
	expect(participants.map(({ userId }) => userId)).toEqual([pair.applicantId, successor]);
});

test("a change that races with the opening is either refused, or made before it", async () => {
	const changes = new Set<string>();
	for (let round = 0; round < 30; round++) {
		const pair = await registerApplication(node.calls);
		const { applicantId, employerId, jobApplicationId } = pair;
		const swap = () => put({ ...pair, applicantId: employerId, employerId: applicantId }).then(() => "made", typeOf);
		const open = (id: string) => create(jobApplicationId, id).then(() => "opened", typeOf);
		const [change, ...opened] = await Promise.all([swap(), open(applicantId), open(employerId)]);
		changes.add(change);
		expect(opened).toEqual(["opened", "opened"]);
		const conversations = await query(
			node.databaseUrl,
			`select c.user1_id = a.applicant_id and c.user2_id = a.employer_id as "isTheirs"
			from conversations c join job_applications a on a.id = c.job_application_id where a.id = $1`,
			[jobApplicationId],
		);
		expect(conversations).toEqual([{ isTheirs: true }]);
	}
	expect([...changes].filter((change) => change !== "made" && change !== "VALIDATION_FAILED")).toEqual([]);
});

test("a database with conversations of former people and doubled ones is migrated, and loses none", async () => {
	const old = await createDatabase();
	try {
		await migrateBefore(old.url, "20261124T2200-application-people");
		const id = () => randomUUID();
		const [replaced, doubled] = [id(), id()];
		await query(old.url, "insert into users (id, name) values ('a', 'Ada'), ('e', 'Eve'), ('f', 'Former')");
		await query(
			old.url,
			`insert into job_applications (id, applicant_id, employer_id, job_title, status)
			values ($1, 'a', 'e', 'Cook', 'OPEN'), ($2, 'a', 'e', 'Baker', 'OPEN'), ('unopened', 'a', 'e', 'Waiter', 'OPEN')`,
			[replaced, doubled],
		);
		const [former, first, second] = [id(), id(), id()];
		await query(
			old.url,
			`insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, created_at)
			values ($1, 'a', 'f', $4, 0, now()), ($2, 'e', 'a', $5, 7, now()), ($3, 'a', 'e', $5, 2, now())`,
			[former, first, second, replaced, doubled],
		);
		await query(old.url, "insert into participants (conversation_id, user_id) select id, user1_id from conversations");
		await query(old.url, "insert into participants (conversation_id, user_id) select id, user2_id from conversations");
		await query(
			old.url,
			`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
			select c.id, seq, seq, 0, now(), gen_random_uuid(), gen_random_uuid(), c.user1_id, 'TEXT', 'text', '{}'
			from conversations c, generate_series(1, c.last_seq) as seq`,
		);

		expect(await migrate(old.url)).toContain("20261124T2200-application-people");
		const after = await startBroker({ databaseUrl: old.url, services });
		try {
			const { items } = await after.calls.call("conversations.list", { status: "ALL" }, as("a"));
			expect(items.map((item) => item.id).sort()).toEqual([former, first, second].sort());
			const opened = (jobApplicationId: string) => after.calls.call("conversations.create", { jobApplicationId }, as("e"));
			// That with the most messages is theirs.
			expect((await opened(doubled)).id).toBe(first);
			expect([former, first, second]).not.toContain((await opened(replaced)).id);
			await send(after.calls, second, "a");
			const change = { applicantId: "a", employerId: "f", jobTitle: "Cook", status: "OPEN" };
			const changed = (application: string) => after.calls.call("applications.put", { id: application, ...change }, asPlatform);
			await expect(changed(replaced)).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
			expect(await changed("unopened")).toMatchObject({ employerId: "f" });
		} finally {
			await after.stop();
		}
	} finally {
		await old.drop();
	}
});

function put({ jobApplicationId: id, applicantId, employerId }: Pair, status = "OPEN") {
	return node.calls.call("applications.put", { id, applicantId, employerId, jobTitle: "Cook", status }, asPlatform);
}

function create(jobApplicationId: string, userId: string) {
	return node.calls.call("conversations.create", { jobApplicationId }, as(userId));
}

function typeOf(error: { type: string }): string {
	return error.type;
}

/** All migrations that run before this one. */
async function migrateBefore(url: string, name: string): Promise<void> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	try {
		await client.query("create table migrations (name text primary key, applied_at timestamptz not null default now())");
		for (const [earlier, sql] of Object.entries(migrations)) {
			if (earlier === name) return;
			await client.query(sql);
			await client.query("insert into migrations (name) values ($1)", [earlier]);
		}
	} finally {
		await client.end();
	}
}
