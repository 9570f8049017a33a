import { randomUUID } from "node:crypto";
import type { Conversation, ConversationMetadata, Message, Page, ReadState } from "../../../client/types.ts";
import type { TargetOf } from "../../../testing/target.ts";
import { aTime, aUuid } from "./expectations.ts";
import { aConversation, apply, converse, type Person, platformOf, register, twoPeople, upTo } from "./people.ts";

export function describeConversations(target: TargetOf): void {
	describe("opening a conversation", () => {
		it("needs a job application", async () => {
			const { alice } = await twoPeople(target());
			const answer = await alice.ask("POST", "/conversations", { jobApplicationId: `application-${randomUUID()}` });
			expect(answer).toMatchObject({ status: 403, code: "APPLICATION_REQUIRED" });
		});

		it("makes it once: 201, and then 200 with the same one for either side", async () => {
			const { alice, bob } = await twoPeople(target());
			const jobApplicationId = await apply(target(), alice, bob, "Gardener");
			const first = await bob.ask<Conversation>("POST", "/conversations", { jobApplicationId });
			expect(first.status).toBe(201);
			expect(first.body).toEqual({
				id: aUuid,
				jobApplicationId,
				jobTitle: "Gardener",
				participants: expect.arrayContaining([
					{ userId: alice.id, name: alice.name, readSeq: 0, deliveredSeq: 0 },
					{ userId: bob.id, name: bob.name, readSeq: 0, deliveredSeq: 0 },
				]),
				status: "ACTIVE",
				lastSeq: 0,
				lastMessage: null,
				lastMessageAt: null,
				unreadCount: 0,
				mutedUntil: null,
				archivedAt: null,
				archivedBy: null,
				createdAt: aTime,
				updatedAt: aTime,
			});
			expect(first.body.participants).toHaveLength(2);
			for (const person of [alice, bob]) {
				const again = await person.ask<Conversation>("POST", "/conversations", { jobApplicationId });
				expect(again.status).toBe(200);
				expect(again.body).toEqual(first.body);
			}
		});

		it("at the same moment from both sides still makes one", async () => {
			const { alice, bob } = await twoPeople(target());
			const jobApplicationId = await apply(target(), alice, bob);
			const open = (person: Person) => person.ask<Conversation>("POST", "/conversations", { jobApplicationId });
			const answers = await Promise.all(upTo(5).flatMap(() => [open(alice), open(bob)]));
			expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
			expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
		});

		it("makes another one for another application of the same two", async () => {
			const { alice, bob, id } = await aConversation(target());
			expect((await converse(target(), alice, bob)).id).not.toBe(id);
		});

		it.each([{}, { jobApplicationId: "" }, { jobApplicationId: 7 }, { jobApplicationId: null }])("refuses %j", async (body) => {
			const { alice } = await twoPeople(target());
			expect(await alice.ask("POST", "/conversations", body)).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
		});
	});

	describe("a conversation", () => {
		it("is the same for both sides, but for what is each one's own", async () => {
			const { alice, bob, id } = await aConversation(target());
			const message = await alice.write(id, "hello");
			const [hers, his] = [await get(alice, id), await get(bob, id)];
			expect(hers).toMatchObject({ lastSeq: 1, lastMessage: message, lastMessageAt: message.createdAt, unreadCount: 0 });
			expect(his).toEqual({ ...hers, unreadCount: 1 });
		});

		it("has metadata", async () => {
			const { alice, bob, id } = await aConversation(target());
			const metadata = () => alice.get<ConversationMetadata>(`/conversations/${id}/metadata`);
			const nobody = [
				expect.objectContaining({ userId: alice.id, readSeq: 0 }),
				expect.objectContaining({ userId: bob.id, readSeq: 0, deliveredSeq: 0 }),
			];
			expect(await metadata()).toEqual({
				conversationId: id,
				messageCount: 0,
				firstMessageAt: null,
				lastMessageAt: null,
				participants: expect.arrayContaining(nobody),
			});
			const first = await alice.write(id, "one");
			const last = await alice.write(id, "two");
			await bob.patch(`/conversations/${id}/read`, { seq: 1 });
			expect(await metadata()).toMatchObject({
				messageCount: 2,
				firstMessageAt: first.createdAt,
				lastMessageAt: last.createdAt,
				participants: expect.arrayContaining([expect.objectContaining({ userId: bob.id, readSeq: 1 })]),
			});
			for (const participant of (await metadata()).participants) expect(participant).toHaveProperty("lastSeenAt");
		});

		it("shows the name that the platform gave last, and none for a person who was erased", async () => {
			const { alice, bob, id } = await aConversation(target());
			const platform = await platformOf(target());
			const nameOfAlice = async () => (await get(bob, id)).participants.find(({ userId }) => userId === alice.id)?.name;
			await platform.put(`/platform/users/${alice.id}`, { name: "Alice Liddell" });
			expect(await nameOfAlice()).toBe("Alice Liddell");
			expect((await platform.ask("DELETE", `/platform/users/${alice.id}`)).status).toBeLessThan(300);
			expect(await nameOfAlice()).not.toMatch(/Alice|Liddell/);
		});

		it("is muted for one side only, and until when that side says", async () => {
			const { alice, bob, id } = await aConversation(target());
			const mute = (until: unknown) => alice.ask("PUT", `/conversations/${id}/mute`, { until });
			expect((await mute("2099-01-02T03:04:05.678Z")).status).toBe(200);
			expect((await get(alice, id)).mutedUntil).toBe("2099-01-02T03:04:05.678Z");
			expect((await get(bob, id)).mutedUntil).toBeNull();
			expect((await mute(null)).status).toBe(200);
			expect((await get(alice, id)).mutedUntil).toBeNull();
			for (const until of ["tomorrow", 5, undefined]) {
				expect(await mute(until)).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
			}
		});
	});

	describe("the list of conversations", () => {
		it("has those with the newest message first, each with its last message and unread count", async () => {
			const { alice, bob } = await twoPeople(target());
			const [a, b, c] = await converseTimes(3, alice, bob, target);
			await bob.write(a, "old");
			await bob.write(b, "older in the end");
			const last = await bob.write(c, "middle");
			const newest = await bob.write(a, "newest");
			const page = await list(alice);
			expect(page).toMatchObject({
				items: [
					{ id: a, lastMessage: newest, unreadCount: 2 },
					{ id: c, lastMessage: last, unreadCount: 1 },
					{ id: b, unreadCount: 1 },
				],
				nextCursor: null,
			});
			for (const item of page.items) expect(item).toEqual(await get(alice, item.id));
		});

		it("pages through all of them once, whatever the size of a page", async () => {
			const { alice, bob } = await twoPeople(target());
			const ids = await converseTimes(7, alice, bob, target);
			for (const id of ids) await bob.write(id, "hi");
			const newestFirst = ids.toReversed();
			for (const limit of [1, 2, 3, 7, 50]) {
				const seen: string[] = [];
				let cursor: string | null = "";
				while (cursor !== null) {
					const page: Page<Conversation> = await list(
						alice,
						`limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
					);
					expect(page.items.length).toBeLessThanOrEqual(limit);
					seen.push(...page.items.map(({ id }) => id));
					cursor = page.nextCursor;
				}
				expect(seen).toEqual(newestFirst);
			}
		});

		it("has 20 a page by default", async () => {
			const { alice, bob } = await twoPeople(target());
			await converseTimes(21, alice, bob, target);
			const first = await list(alice);
			expect(first.items).toHaveLength(20);
			expect((await list(alice, `cursor=${encodeURIComponent(first.nextCursor ?? "")}`)).items).toHaveLength(1);
		});

		it("filters by status", async () => {
			const { alice, bob } = await twoPeople(target());
			const [active, archived] = await converseTimes(2, alice, bob, target);
			await alice.patch(`/conversations/${archived}/archive`);
			const idsBy = async (query: string) => (await list(bob, query)).items.map(({ id }) => id).sort();
			expect(await idsBy("")).toEqual([active]);
			expect(await idsBy("status=ACTIVE")).toEqual([active]);
			expect(await idsBy("status=ARCHIVED")).toEqual([archived]);
			expect(await idsBy("status=AUTO_ARCHIVED")).toEqual([]);
			expect(await idsBy("status=ALL")).toEqual([active, archived].sort());
		});

		it("has nobody else's", async () => {
			const { id } = await aConversation(target());
			const stranger = await register(target());
			expect(JSON.stringify(await list(stranger, "status=ALL"))).not.toContain(id);
		});

		it.each(["status=OPEN", "limit=0", "limit=-1", "limit=many", "limit=1.5", "cursor=nonsense"])("refuses %s", async (query) => {
			const alice = await register(target());
			expect(await alice.ask("GET", `/conversations?${query}`)).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
		});
	});

	describe("archiving", () => {
		it("says when and by whom, stops messages from both sides, and ends with reopening by either", async () => {
			const { alice, bob, id } = await aConversation(target());
			const archived = await alice.ask<Conversation>("PATCH", `/conversations/${id}/archive`);
			expect(archived).toMatchObject({ status: 200, body: { id, status: "ARCHIVED", archivedBy: alice.id, archivedAt: aTime } });
			expect(await get(bob, id)).toEqual(archived.body);
			for (const person of [alice, bob]) {
				const refused = await person.send(id, { clientId: randomUUID(), content: "too late" });
				expect(refused).toMatchObject({ status: 409, code: "CONVERSATION_ARCHIVED" });
			}
			const reopened = await bob.ask<Conversation>("PATCH", `/conversations/${id}/reopen`);
			const open = { id, status: "ACTIVE", archivedBy: null, archivedAt: null, lastSeq: 0 };
			expect(reopened).toMatchObject({ status: 200, body: open });
			expect(await get(alice, id)).toEqual(reopened.body);
			expect((await alice.write(id, "still there?")).seq).toBe(1);
		});

		it("twice leaves it with who did it first, and reopening twice is harmless", async () => {
			const { alice, bob, id } = await aConversation(target());
			const first = await alice.patch<Conversation>(`/conversations/${id}/archive`);
			const second = await bob.patch<Conversation>(`/conversations/${id}/archive`);
			expect(second).toMatchObject({ archivedBy: alice.id, archivedAt: first.archivedAt });
			await bob.patch(`/conversations/${id}/reopen`);
			expect(await bob.patch(`/conversations/${id}/reopen`)).toMatchObject({ status: "ACTIVE" });
		});

		it("keeps messages and read marks", async () => {
			const { alice, bob, id } = await aConversation(target());
			const message = await alice.write(id, "keep this");
			await alice.patch(`/conversations/${id}/archive`);
			const read = await bob.patch<ReadState>(`/conversations/${id}/read`);
			expect(read).toEqual({ conversationId: id, readSeq: 1, unreadCount: 0 });
			const { items } = await bob.get<{ items: Message[] }>(`/conversations/${id}/messages`);
			expect(items).toMatchObject([{ id: message.id, content: "keep this" }]);
		});
	});

	describe("reading", () => {
		it("counts what the others wrote above my mark, here and in all conversations", async () => {
			const { alice, bob } = await twoPeople(target());
			const [a, b] = await converseTimes(2, alice, bob, target);
			await alice.write(a, "my own does not count");
			for (const text of ["one", "two", "three"]) await bob.write(a, text);
			await bob.write(b, "four");
			expect(await unread(alice, a)).toEqual({ here: 3, inAll: 4 });
			expect(await unread(alice, b)).toEqual({ here: 1, inAll: 4 });
			expect(await unread(bob, a)).toEqual({ here: 1, inAll: 1 });
		});

		it("up to a seq, up to a message, or by default everything", async () => {
			const { alice, bob, id } = await aConversation(target());
			const messages: Message[] = [];
			for (const text of ["one", "two", "three", "four"]) messages.push(await alice.write(id, text));
			const read = (body?: object) => bob.patch<ReadState>(`/conversations/${id}/read`, body);
			expect(await read({ seq: 1 })).toEqual({ conversationId: id, readSeq: 1, unreadCount: 3 });
			const third = await bob.patch<ReadState>(`/messages/${messages[2]?.id}/read`);
			expect(third).toEqual({ conversationId: id, readSeq: 3, unreadCount: 1 });
			expect(await read({})).toEqual({ conversationId: id, readSeq: 4, unreadCount: 0 });
			expect(await unread(bob, id)).toEqual({ here: 0, inAll: 0 });
			await alice.write(id, "five");
			expect(await read()).toEqual({ conversationId: id, readSeq: 5, unreadCount: 0 });
		});

		it("never goes back", async () => {
			const { alice, bob, id } = await aConversation(target());
			for (const text of ["one", "two", "three"]) await alice.write(id, text);
			await bob.patch(`/conversations/${id}/read`, { seq: 3 });
			const back = await bob.patch<ReadState>(`/conversations/${id}/read`, { seq: 1 });
			expect(back).toEqual({ conversationId: id, readSeq: 3, unreadCount: 0 });
		});

		it("does not reach messages that do not exist yet", async () => {
			const { alice, bob, id } = await aConversation(target());
			await alice.write(id, "one");
			await bob.ask("PATCH", `/conversations/${id}/read`, { seq: 1_000_000 });
			await alice.write(id, "two");
			expect((await unread(bob, id)).here).toBeGreaterThanOrEqual(1);
			expect((await get(bob, id)).participants.find(({ userId }) => userId === bob.id)?.readSeq).toBeLessThanOrEqual(1);
		});

		it("leaves the other side's mark alone", async () => {
			const { alice, bob, id } = await aConversation(target());
			await alice.write(id, "hello");
			await bob.write(id, "hello yourself");
			await bob.patch(`/conversations/${id}/read`);
			expect(await unread(alice, id)).toEqual({ here: 1, inAll: 1 });
		});

		it.each([{ seq: -1 }, { seq: 1.5 }, { seq: "all" }, { seq: 1e300 }])("refuses %j", async (body) => {
			const { alice, id } = await aConversation(target());
			const answer = await alice.ask("PATCH", `/conversations/${id}/read`, body);
			expect(answer).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
		});
	});

	describe("the platform", () => {
		it("may say the same thing again", async () => {
			const { alice, bob } = await twoPeople(target());
			const platform = await platformOf(target());
			const application = { applicantId: alice.id, employerId: bob.id, jobTitle: "Cook", status: "APPLIED" };
			const path = `/platform/applications/application-${randomUUID()}`;
			await platform.put(path, application);
			await platform.put(path, application);
			for (const _ of upTo(2)) await platform.put(`/platform/users/${alice.id}`, { name: alice.name });
			for (const _ of upTo(2)) expect((await platform.ask("DELETE", `/platform/users/${bob.id}`)).status).toBeLessThan(300);
		});

		it("changes the title of a job", async () => {
			const { alice, bob, id, conversation } = await aConversation(target());
			const platform = await platformOf(target());
			const application = { applicantId: alice.id, employerId: bob.id, jobTitle: "Chief gardener", status: "INVITED" };
			await platform.put(`/platform/applications/${conversation.jobApplicationId}`, application);
			expect((await get(alice, id)).jobTitle).toBe("Chief gardener");
		});

		it("cannot make an application of somebody who does not exist", async () => {
			const alice = await register(target());
			const platform = await platformOf(target());
			const application = { applicantId: alice.id, employerId: `user-${randomUUID()}`, jobTitle: "Cook", status: "APPLIED" };
			const answer = await platform.ask("PUT", `/platform/applications/application-${randomUUID()}`, application);
			expect(answer).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
		});

		it("is told what is wrong with a person or an application", async () => {
			const platform = await platformOf(target());
			const answers = [
				await platform.ask("PUT", `/platform/users/user-${randomUUID()}`, {}),
				await platform.ask("PUT", `/platform/users/user-${randomUUID()}`, { name: "" }),
				await platform.ask("PUT", `/platform/users/user-${randomUUID()}`, { name: "NUL\u0000" }),
				await platform.ask("PUT", `/platform/applications/application-${randomUUID()}`, { jobTitle: "Cook" }),
			];
			for (const answer of answers) expect(answer).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
		});

		it("may use ids with any characters", async () => {
			const platform = await platformOf(target());
			const id = `auth0|${randomUUID()}/ä b?#%`;
			expect((await platform.ask("PUT", `/platform/users/${encodeURIComponent(id)}`, { name: "Odd" })).status).toBeLessThan(300);
		});
	});
}

function get(person: Person, id: string): Promise<Conversation> {
	return person.get(`/conversations/${id}`);
}

function list(person: Person, query = ""): Promise<Page<Conversation>> {
	return person.get(`/conversations?${query}`);
}

async function unread(person: Person, id: string): Promise<{ here: number; inAll: number }> {
	const here = await person.get<{ count: number }>(`/conversations/${id}/unread-count`);
	const inAll = await person.get<{ count: number }>("/conversations/unread-count/count");
	const { unreadCount } = await get(person, id);
	expect(unreadCount).toBe(here.count);
	return { here: here.count, inAll: inAll.count };
}

/** Conversations of several applications, in the order they were made. */
async function converseTimes<const Count extends number>(count: Count, alice: Person, bob: Person, target: TargetOf) {
	const ids: string[] = [];
	for (const _ of upTo(count)) ids.push((await converse(target(), alice, bob)).id);
	return ids as Count extends 2 ? [string, string] : Count extends 3 ? [string, string, string] : string[];
}
