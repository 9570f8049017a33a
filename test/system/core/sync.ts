import type { Conversation, Message, Page, Snapshot, SyncAnswer } from "../../../client/types.ts";
import type { TargetOf } from "../../../testing/target.ts";
import { until } from "../../../testing/until.ts";
import { closeDevices, codeOf } from "./device.ts";
import { aConversation, converse, historyOf, type Person, register, twoPeople, upTo } from "./people.ts";

export function describeSync(target: TargetOf): void {
	afterEach(closeDevices);

	describe.each<Way>(["REST", "socket"])("sync over %s", (way) => {
		it("tells of nothing when nothing happened", async () => {
			const { alice, id, bob } = await aConversation(target());
			await bob.write(id, "hello");
			// What was under way when the cursor was given may be told once more.
			await until(async () => {
				const { nextSince } = await sync(alice, way);
				const { conversations, reset } = await sync(alice, way, nextSince);
				expect(reset).toBe(false);
				return conversations.length === 0;
			});
		});

		it("tells of new messages, as history has them, and of no more conversations than those", async () => {
			const { alice, bob, id } = await aConversation(target());
			const quiet = await converse(target(), alice, bob);
			await alice.write(id, "one");
			const { nextSince } = await until(() => settled(alice, way));
			await bob.write(id, "two");
			await alice.write(id, "three");
			for (const person of [alice, bob]) {
				const answer = await sync(person, way, nextSince);
				const snapshot = found(answer, id);
				const { messages, hasMore, ...conversation } = snapshot;
				expect(messages.filter(({ seq }) => seq > 1)).toEqual((await historyOf(person, id)).slice(1));
				expect(hasMore).toBe(false);
				expect(conversation).toEqual(await person.get(`/conversations/${id}`));
				expect(answer.conversations.map((one) => one.id)).not.toContain(quiet.id);
				expect(answer.reset).toBe(false);
			}
		});

		it("tells of a new conversation, also while it is empty", async () => {
			const { alice, bob } = await twoPeople(target());
			const { nextSince, conversations } = await sync(bob, way);
			expect(conversations).toEqual([]);
			const { id } = await converse(target(), alice, bob);
			expect(found(await sync(bob, way, nextSince), id)).toMatchObject({ lastSeq: 0, messages: [], hasMore: false });
		});

		it("tells both of cursors that moved: delivered and read", async () => {
			const { alice, bob, id } = await aConversation(target());
			await alice.write(id, "one");
			await alice.write(id, "two");
			const before = await until(() => settled(alice, way));
			await bob.patch(`/conversations/${id}/read`, { seq: 1 });
			const read = found(await sync(alice, way, before.nextSince), id);
			expect(cursorsOf(read, bob)).toMatchObject({ readSeq: 1 });
			expect(found(await sync(bob, way, before.nextSince), id)).toMatchObject({ unreadCount: 1 });

			const { nextSince } = await until(() => settled(alice, way));
			await bob.device();
			await until(async () => {
				const delivered = found(await sync(alice, way, nextSince), id);
				expect(cursorsOf(delivered, bob)).toMatchObject({ deliveredSeq: 2, readSeq: 1 });
				return true;
			});
		});

		it("tells of a conversation that was archived, reopened or muted, each as its viewer sees it", async () => {
			const { alice, bob, id } = await aConversation(target());
			const changes: [() => Promise<unknown>, Partial<Conversation>, Partial<Conversation>][] = [
				[
					() => bob.patch(`/conversations/${id}/archive`),
					{ status: "ARCHIVED", archivedBy: bob.id },
					{ status: "ARCHIVED", archivedBy: bob.id },
				],
				[
					() => alice.patch(`/conversations/${id}/reopen`),
					{ status: "ACTIVE", archivedBy: null },
					{ status: "ACTIVE", archivedBy: null },
				],
				[
					() => alice.put(`/conversations/${id}/mute`, { until: "2099-01-01T00:00:00.000Z" }),
					{ mutedUntil: "2099-01-01T00:00:00.000Z" },
					{ mutedUntil: null },
				],
			];
			for (const [change, hers, his] of changes) {
				const { nextSince } = await until(() => settled(alice, way));
				await change();
				expect(found(await sync(alice, way, nextSince), id)).toMatchObject(hers);
				expect(await sync(bob, way)).toMatchObject({ conversations: [his] });
			}
		});

		it("tells the newest 50 messages of a conversation, and whether there are others before them", async () => {
			const { alice, bob, id } = await aConversation(target());
			const { nextSince } = await sync(bob, way);
			const cases = [
				{ count: 50, first: 1, hasMore: false },
				{ count: 51, first: 2, hasMore: true },
				{ count: 70, first: 21, hasMore: true },
			];
			let written = 0;
			for (const { count, first, hasMore } of cases) {
				await Promise.all(upTo(count - written).map((n) => alice.write(id, `message ${n}`)));
				written = count;
				for (const since of [undefined, nextSince]) {
					const snapshot = found(await sync(bob, way, since), id);
					expect(snapshot.messages.map(({ seq }) => seq)).toEqual(upTo(count).slice(first - 1));
					expect(snapshot.hasMore).toBe(hasMore);
				}
			}
			const { nextSince: later } = await until(() => settled(bob, way));
			await alice.write(id, "one more");
			const { messages, hasMore } = found(await sync(bob, way, later), id);
			expect(messages.at(-1)?.seq).toBe(71);
			expect({ hasMore, few: messages.length < 50 }).toEqual({ hasMore: false, few: true });
		});

		it("may be asked any number of times with the same cursor", async () => {
			const { alice, bob, id } = await aConversation(target());
			const { nextSince } = await sync(alice, way);
			await bob.write(id, "hello");
			const answers = await Promise.all(upTo(5).map(() => sync(alice, way, nextSince)));
			for (const { conversations } of answers) expect(conversations).toEqual(answers[0]?.conversations);
			expect(found(answers[0], id).messages).toEqual(await historyOf(alice, id));
			for (const answer of answers) await bob.write(id, `after ${answer.nextSince}`);
			for (const { nextSince: since } of answers) expect(found(await sync(alice, way, since), id).lastSeq).toBe(6);
		});

		it("begins afresh with a cursor of another database, or of a future that this one does not know", async () => {
			const { alice, bob, id } = await aConversation(target());
			await bob.write(id, "hello");
			const fresh = await sync(alice, way);
			const [identity, xid] = JSON.parse(Buffer.from(fresh.nextSince, "base64url").toString()) as [string, string];
			for (const position of [
				[`${identity}0`, xid],
				[identity, String(BigInt(xid) + 1_000_000n)],
				[identity, "9".repeat(20)],
			]) {
				const since = Buffer.from(JSON.stringify(position)).toString("base64url");
				const answer = await sync(alice, way, since);
				expect(answer.reset).toBe(true);
				expect(answer.conversations).toEqual(fresh.conversations);
				expect((await sync(alice, way, answer.nextSince)).reset).toBe(false);
			}
		});

		it("never tells of other people's conversations, whosever the cursor is", async () => {
			const { alice, bob, id } = await aConversation(target());
			const stranger = await register(target());
			const { nextSince } = await sync(alice, way);
			await bob.write(id, "between us");
			for (const since of [undefined, nextSince]) {
				const answer = await sync(stranger, way, since);
				expect(answer.conversations).toEqual([]);
				expect(JSON.stringify(answer)).not.toContain(id);
			}
		});
	});

	describe("sync", () => {
		it("without since tells the 50 most recent conversations, archived ones among them, newest message first", async () => {
			const { alice, bob } = await twoPeople(target());
			const created = await Promise.all(upTo(52).map(() => converse(target(), alice, bob)));
			const { items } = await alice.get<Page<Conversation>>("/conversations?status=ALL&limit=100");
			const oldest = items.at(-1)?.id ?? "";
			const archived = items[10]?.id ?? "";
			expect(items).toHaveLength(created.length);
			await bob.write(oldest, "still there?");
			await alice.patch(`/conversations/${archived}/archive`);
			const { conversations, reset } = await sync(alice, "REST");
			const listed = await alice.get<Page<Conversation>>("/conversations?status=ALL&limit=50");
			expect(conversations.map(({ messages: _, hasMore: __, ...conversation }) => conversation)).toEqual(listed.items);
			expect(conversations[0]).toMatchObject({ id: oldest, messages: [{ content: "still there?" }], hasMore: false });
			expect(conversations.find(({ id }) => id === archived)?.status).toBe("ARCHIVED");
			expect(reset).toBe(false);
		});

		it.each([
			["empty", ""],
			["text", "nonsense"],
			["not a list", encoded({})],
			["an empty list", encoded([])],
			["a negative position", encoded(["x", "-1"])],
			["a position that is no number", encoded(["x", "1; drop table messages"])],
			["a number for a text", encoded(["x", 1])],
			["too much", encoded(["x", "1", "2"])],
			["too long", "A".repeat(10_000)],
			["with NUL", encoded("\0")],
		])("refuses a cursor that it never gave: %s", async (_, since) => {
			const alice = await register(target());
			const answer = await alice.ask("GET", `/sync?since=${encodeURIComponent(since)}`);
			expect(answer).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
			const device = await alice.device();
			expect(codeOf(await device.emit("sync", { since }))).toBe("VALIDATION_FAILED");
		});

		it.each([[5], [null], [{}], [["x"]], [true]])("refuses a cursor that is no text: %j", async (since) => {
			const alice = await register(target());
			const device = await alice.device();
			expect(codeOf(await device.emit("sync", { since }))).toBe("VALIDATION_FAILED");
		});

		it("asked again and again while many write at once leaves nothing out", async () => {
			const { alice, bob, id } = await aConversation(target());
			const other = await converse(target(), alice, bob);
			const ids = [id, other.id];
			const told = new Map(ids.map((one) => [one, new Map<number, Message>()]));
			let { nextSince } = await sync(bob, "REST");
			const look = async () => {
				const answer = await sync(bob, "REST", nextSince);
				for (const { id: conversationId, messages, hasMore } of answer.conversations) {
					const known = told.get(conversationId);
					for (const message of messages) known?.set(message.seq, message);
					if (hasMore) for (const message of await historyOf(bob, conversationId)) known?.set(message.seq, message);
				}
				({ nextSince } = answer);
			};
			let done = false;
			const writing = Promise.all(upTo(200).map((n) => alice.write(n % 2 ? id : other.id, `message ${n}`))).finally(() => {
				done = true;
			});
			while (!done) await look();
			await writing;
			await look();
			for (const one of ids) expect([...(told.get(one)?.keys() ?? [])].toSorted((a, b) => a - b)).toEqual(upTo(100));
		});
	});
}

type Way = "REST" | "socket";

async function sync(person: Person, way: Way, since?: string): Promise<SyncAnswer> {
	if (way === "REST") return person.get(`/sync${since === undefined ? "" : `?since=${encodeURIComponent(since)}`}`);
	const device = await person.device({ acknowledges: false });
	const { conversations, nextSince, reset } = await device.ask<SyncAnswer>("sync", since === undefined ? {} : { since });
	device.close();
	return { conversations, nextSince, reset };
}

/** A cursor behind which nothing is left. */
async function settled(person: Person, way: Way): Promise<SyncAnswer | undefined> {
	const { nextSince } = await sync(person, way);
	const answer = await sync(person, way, nextSince);
	return answer.conversations.length === 0 ? answer : undefined;
}

function found(answer: SyncAnswer | undefined, id: string): Snapshot {
	const snapshot = answer?.conversations.find((one) => one.id === id);
	if (!snapshot) throw new Error(`sync does not tell of ${id}`);
	return snapshot;
}

function cursorsOf({ participants }: Conversation, { id }: Person) {
	return participants.find(({ userId }) => userId === id);
}

function encoded(position: unknown): string {
	return Buffer.from(JSON.stringify(position)).toString("base64url");
}
