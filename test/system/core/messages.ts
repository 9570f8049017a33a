import { randomUUID } from "node:crypto";
import type { Message, MessagePage } from "../../../client/types.ts";
import type { TargetOf } from "../../../testing/target.ts";
import { closeDevices, codeOf, type Device } from "./device.ts";
import { aTime, aUuid } from "./expectations.ts";
import { aConversation, historyOf, type Person, upTo } from "./people.ts";

export function describeMessages(target: TargetOf): void {
	afterEach(closeDevices);

	describe("a message", () => {
		it("is stored with everything that was given, and comes back the same from everywhere", async () => {
			const { alice, bob, id } = await aConversation(target());
			await alice.write(id, "first");
			const clientId = randomUUID();
			const metadata = { draft: false, source: "app", attempt: 2, note: null };
			const sent = await bob.send(id, { clientId, type: "TEXT", content: "hi there", replyToSeq: 1, metadata });
			expect(sent.status).toBe(201);
			expect(sent.body).toEqual({
				id: aUuid,
				conversationId: id,
				seq: 2,
				clientId,
				senderId: bob.id,
				type: "TEXT",
				content: "hi there",
				contentHtml: "hi there",
				image: null,
				replyToSeq: 1,
				metadata,
				createdAt: aTime,
				deliveredAt: null,
				readAt: null,
			});
			expect((await historyOf(alice, id))[1]).toEqual(sent.body);
			expect((await historyOf(bob, id))[1]).toEqual(sent.body);
		});

		it.each(["content", "replyToSeq", "type"])("needs a valid %s", async (field) => {
			const { alice, id } = await aConversation(target());
			const answer = await alice.send(id, { clientId: randomUUID(), content: "hi", [field]: { no: "such" } });
			expect(answer).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
			expect(await historyOf(alice, id)).toEqual([]);
		});

		it.each([undefined, null, "", "not-a-uuid", 5])("needs a UUID as clientId, and %j is none", async (clientId) => {
			const { alice, id } = await aConversation(target());
			const answer = await alice.send(id, { clientId, content: "hi" });
			expect(answer).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
			const details = (answer.body as unknown as { error: { details: unknown } }).error.details;
			expect(details).toContainEqual({ path: "clientId", message: expect.any(String) });
		});

		it("cannot pretend to be the system's", async () => {
			const { alice, id } = await aConversation(target());
			const answer = await alice.send(id, { clientId: randomUUID(), type: "SYSTEM", content: "You are hired" });
			expect(answer).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
		});

		it("cannot say who wrote it, or where it stands", async () => {
			const { alice, bob, id } = await aConversation(target());
			const forged = {
				senderId: bob.id,
				seq: 99,
				id: randomUUID(),
				createdAt: "2001-01-01T00:00:00.000Z",
				conversationId: randomUUID(),
			};
			const answer = await alice.send(id, { clientId: randomUUID(), content: "hi", ...forged });
			expect(answer.status).toBe(201);
			const history = await historyOf(alice, id);
			expect(history).toHaveLength(1);
			for (const message of history) {
				expect(message).toMatchObject({ senderId: alice.id, seq: 1, conversationId: id });
				expect(message.createdAt > "2002").toBe(true);
			}
		});

		it("carries up to 2 KB of flat metadata", async () => {
			const { alice, id } = await aConversation(target());
			const send = (metadata: unknown) => alice.send(id, { clientId: randomUUID(), content: "hi", metadata });
			const fits = { note: "x".repeat(2000) };
			expect(await send(fits)).toMatchObject({ status: 201, body: { metadata: fits } });
			for (const metadata of [
				{ note: "x".repeat(2049) },
				{ note: "ä".repeat(1100) },
				{ deep: { er: 1 } },
				{ list: [1] },
				[1],
				"text",
				5,
			]) {
				expect(await send(metadata)).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
			}
		});

		it("cannot be deleted", async () => {
			const { alice, id } = await aConversation(target());
			const message = await alice.write(id, "for ever");
			const paths = [`/messages/${message.id}`, `/conversations/${id}/messages/${message.id}`, `/conversations/${id}/messages/1`];
			for (const path of [...paths, `/conversations/${id}/messages`, `/conversations/${id}`]) {
				expect(await alice.ask("DELETE", path)).toMatchObject({ status: 404, code: "NOT_FOUND" });
			}
			expect(await historyOf(alice, id)).toEqual([message]);
		});
	});

	describe("the text of a message", () => {
		const family = "👩‍👩‍👧‍👦";

		it.each([
			["letters", "a"],
			["emoji", "👍"],
			["letters of two bytes", "ä"],
		])("may have 5,000 code points and not one more: %s", async (_, character) => {
			const { alice, id } = await aConversation(target());
			const content = character.repeat(5000);
			expect(await alice.send(id, { clientId: randomUUID(), content })).toMatchObject({ status: 201, body: { content } });
			const tooLong = await alice.send(id, { clientId: randomUUID(), content: content + character });
			expect(tooLong).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
			expect(await historyOf(alice, id)).toHaveLength(1);
		});

		it("counts code points, of which a joined emoji has seven", async () => {
			const { alice, id } = await aConversation(target());
			const content = `${family.repeat(714)}ab`;
			expect([...content]).toHaveLength(5000);
			expect(await alice.send(id, { clientId: randomUUID(), content })).toMatchObject({ status: 201, body: { content } });
			expect(await alice.send(id, { clientId: randomUUID(), content: `${content}c` })).toMatchObject({ status: 400 });
		});

		it("is trimmed before it is counted", async () => {
			const { alice, id } = await aConversation(target());
			const padded = await alice.send(id, { clientId: randomUUID(), content: `\n  ${"a".repeat(5000)} \t ` });
			expect(padded).toMatchObject({ status: 201, body: { content: "a".repeat(5000) } });
			for (const content of ["", "   ", "\n\t"]) {
				const empty = await alice.send(id, { clientId: randomUUID(), content });
				expect(empty).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
			}
		});

		it("may not have NUL, over REST or a socket", async () => {
			const { alice, id } = await aConversation(target());
			const message = { clientId: randomUUID(), content: "a\u0000b" };
			expect(await alice.send(id, message)).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
			const device = await alice.device();
			expect(codeOf(await device.emit("send_message", { conversationId: id, ...message }))).toBe("VALIDATION_FAILED");
			expect(await historyOf(alice, id)).toEqual([]);
		});

		it.each([
			family,
			"👍🏽 🏳️‍🌈 🇦🇹 1️⃣ ☺️ ☺",
			"e\u0301 is not \u00e9",
			"שלום مرحبا 你好 नमस्ते",
			"line one\nline two\n\nline four",
			"a\u200bb\ufeffc\u202ed",
			"if a < b && c > d",
			"5 < 6, 1<2, <3 and x>y",
			"Tom & Jerry &amp; &lt;b&gt; \"quoted\" 'too' \\n `code` $& $1 %s",
			"Robert'); DROP TABLE messages;--",
		])("comes back to the byte: %j", async (content) => {
			const { alice, bob, id } = await aConversation(target());
			await alice.write(id, content);
			const [message] = await historyOf(bob, id);
			expect(message?.content).toBe(content);
		});

		it("loses its HTML tags, not its words", async () => {
			const { alice, id } = await aConversation(target());
			expect((await alice.write(id, "<b>very</b> <i class='x'>nice</i><br/>")).content).toBe("very nice");
			const attack = await alice.write(id, "hello <script>alert(1)</script><img src=x onerror=alert(1)> world");
			for (const text of [attack.content, attack.contentHtml]) {
				expect(text).toMatch(/^hello .*world$/);
				expect(text).not.toMatch(/<script|<img|onerror/i);
			}
		});

		it("is escaped as HTML, with links that can be clicked and lead nowhere dangerous", async () => {
			const { alice, id } = await aConversation(target());
			expect((await alice.write(id, "if a < b && c > d")).contentHtml).toBe("if a &lt; b &amp;&amp; c &gt; d");
			const { contentHtml } = await alice.write(id, "see https://example.com/a?b=1&c=2 or javascript:alert(1)");
			const [, attributes, text] = /<a ([^>]*)>([^<]*)<\/a>/.exec(contentHtml ?? "") ?? [];
			expect(attributes).toContain('href="https://example.com/a?b=1&amp;c=2"');
			expect(attributes).toContain('rel="noopener noreferrer nofollow"');
			expect(text).toBe("https://example.com/a?b=1&amp;c=2");
			expect(contentHtml).not.toContain('href="javascript:');
		});
	});

	describe("sending again", () => {
		it("with the same clientId gives the stored message: 201, then 200", async () => {
			const { alice, id } = await aConversation(target());
			const message = { clientId: randomUUID(), content: "once" };
			const first = await alice.send(id, message);
			const again = await alice.send(id, message);
			expect([first.status, again.status]).toEqual([201, 200]);
			expect(again.body).toEqual(first.body);
			expect(await historyOf(alice, id)).toEqual([first.body]);
		});

		it("over the other transport gives the stored message, too", async () => {
			const { alice, id } = await aConversation(target());
			const device = await alice.device();
			const [one, two] = [randomUUID(), randomUUID()].map((clientId) => ({ clientId, content: "once" }));
			const overRest = await alice.send(id, one ?? {});
			expect(await viaSocket(device, id, one ?? {})).toEqual(overRest.body);
			const overSocket = await viaSocket(device, id, two ?? {});
			expect(await alice.send(id, two ?? {})).toMatchObject({ status: 200, body: overSocket });
			expect(await historyOf(alice, id)).toHaveLength(2);
		});

		it("in parallel over both transports stores one message", async () => {
			const { alice, id } = await aConversation(target());
			const devices = [await alice.device(), await alice.device()];
			const message = { clientId: randomUUID(), content: "once" };
			const overRest = upTo(10).map(() => alice.send(id, message));
			const overSockets = devices.flatMap((device) => upTo(10).map(() => viaSocket(device, id, message)));
			const answers = await Promise.all(overRest);
			const [stored, ...others] = await historyOf(alice, id);
			expect(others).toEqual([]);
			for (const { body } of answers) expect(body).toEqual(stored);
			for (const body of await Promise.all(overSockets)) expect(body).toEqual(stored);
			expect(answers.filter(({ status }) => status === 201).length).toBeLessThanOrEqual(1);
		});

		it("with other content is refused, and changes nothing", async () => {
			const { alice, id } = await aConversation(target());
			const device = await alice.device();
			const clientId = randomUUID();
			const first = await alice.send(id, { clientId, content: "this" });
			expect(await alice.send(id, { clientId, content: "that" })).toMatchObject({ status: 409, code: "CLIENT_ID_REUSED" });
			const ack = await device.emit("send_message", { conversationId: id, clientId, content: "that" });
			expect(codeOf(ack)).toBe("CLIENT_ID_REUSED");
			expect(await historyOf(alice, id)).toEqual([first.body]);
		});

		it("in parallel with different contents stores one of them", async () => {
			const { alice, id } = await aConversation(target());
			const clientId = randomUUID();
			const answers = await Promise.all(upTo(10).map((n) => alice.send(id, { clientId, content: `variant ${n}` })));
			const statuses = answers.map(({ status }) => status).sort();
			expect(statuses).toEqual([201, ...Array(9).fill(409)]);
			expect(await historyOf(alice, id)).toEqual([answers.find(({ status }) => status === 201)?.body]);
		});

		it("by the other person, with the same clientId, is another message", async () => {
			const { alice, bob, id } = await aConversation(target());
			const message = { clientId: randomUUID(), content: "hi" };
			const answers = [await alice.send(id, message), await bob.send(id, message)];
			expect(answers.map(({ status }) => status)).toEqual([201, 201]);
			expect((await historyOf(alice, id)).map(({ senderId }) => senderId)).toEqual([alice.id, bob.id]);
		});

		it("after the conversation was archived still tells that it was stored", async () => {
			const { alice, bob, id } = await aConversation(target());
			const message = { clientId: randomUUID(), content: "just in time" };
			const first = await alice.send(id, message);
			await bob.patch(`/conversations/${id}/archive`);
			expect(await alice.send(id, message)).toMatchObject({ status: 200, body: first.body });
		});
	});

	describe("seqs", () => {
		it("are 1, 2, 3 … without gap or repeat when both sides send in parallel over both transports", async () => {
			const { alice, bob, id } = await aConversation(target());
			const sends = await Promise.all(
				[alice, bob].map(async (person) => {
					const devices = [await person.device(), await person.device()];
					const text = (n: number) => ({ clientId: randomUUID(), content: `${person.name} ${n}` });
					return [
						...upTo(20).map(async (n) => (await person.send(id, text(n))).body),
						...devices.flatMap((device) => upTo(20).map((n) => viaSocket(device, id, text(n)))),
					];
				}),
			);
			const acknowledged = await Promise.all(sends.flat());
			expect(acknowledged.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(upTo(120));
			const history = await historyOf(alice, id);
			expect(history.map(({ seq }) => seq)).toEqual(upTo(120));
			const bySeq = new Map(history.map((message) => [message.seq, message.id]));
			for (const message of acknowledged) expect(bySeq.get(message.seq)).toBe(message.id);
		});

		it("keep the order in which one socket sent", async () => {
			const { alice, id } = await aConversation(target());
			const device = await alice.device();
			const sent = upTo(50).map((n) => viaSocket(device, id, { clientId: randomUUID(), content: `${n}` }));
			expect((await Promise.all(sent)).map(({ seq }) => seq)).toEqual(upTo(50));
		});

		it("are not used up by what is refused or sent twice", async () => {
			const { alice, id } = await aConversation(target());
			const message = { clientId: randomUUID(), content: "one" };
			await alice.send(id, message);
			await Promise.all([
				alice.send(id, message),
				alice.send(id, { ...message, content: "other" }),
				alice.send(id, { clientId: randomUUID(), content: "" }),
			]);
			expect((await alice.write(id, "two")).seq).toBe(2);
		});
	});

	describe("history", () => {
		it("is 50 a page, the newest first", async () => {
			const { alice, id } = await aConversation(target());
			await writeMany(alice, id, 51);
			const page = await list(alice, id);
			expect(seqs(page)).toEqual(upTo(51).slice(1).toReversed());
			expect(page.hasMore).toBe(true);
			expect(seqs(await list(alice, id, "before=2"))).toEqual([1]);
		});

		it("goes back with before, and forward with after, to either end", async () => {
			const { alice, bob, id } = await aConversation(target());
			await writeMany(alice, id, 10);
			const cases: [query: string, seqs: number[], hasMore: boolean][] = [
				["limit=4", [10, 9, 8, 7], true],
				["limit=10", upTo(10).toReversed(), false],
				["limit=100", upTo(10).toReversed(), false],
				["before=7&limit=4", [6, 5, 4, 3], true],
				["before=3&limit=4", [2, 1], false],
				["before=5&limit=4", [4, 3, 2, 1], false],
				["before=1", [], false],
				["before=1000&limit=1", [10], true],
				["after=0&limit=4", [1, 2, 3, 4], true],
				["after=4&limit=4", [5, 6, 7, 8], true],
				["after=6&limit=4", [7, 8, 9, 10], false],
				["after=8&limit=4", [9, 10], false],
				["after=10", [], false],
				["after=1000", [], false],
			];
			for (const [query, expected, hasMore] of cases) {
				const page = await list(bob, id, query);
				expect({ query, seqs: seqs(page), hasMore: page.hasMore }).toEqual({ query, seqs: expected, hasMore });
			}
		});

		it.each(["limit=0", "limit=101", "limit=x", "before=x", "after=x", "before=1.5", "after=1e99"])(
			"refuses %s",
			async (query) => {
				const { alice, id } = await aConversation(target());
				const answer = await alice.ask("GET", `/conversations/${id}/messages?${query}`);
				expect(answer).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
			},
		);
	});

	describe("receipts in history", () => {
		it("say when the other side first read each message, and not more than that", async () => {
			const { alice, bob, id } = await aConversation(target());
			await writeMany(alice, id, 3);
			await bob.patch(`/conversations/${id}/read`, { seq: 2 });
			const before = await historyOf(alice, id);
			expect(before.map(({ readAt }) => readAt)).toEqual([aTime, aTime, null]);
			for (const { readAt, createdAt } of before.slice(0, 2)) expect(String(readAt) >= createdAt).toBe(true);
			await bob.patch(`/conversations/${id}/read`, { seq: 3 });
			const after = await historyOf(alice, id);
			expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
			expect(String(after[2]?.readAt) >= String(after[1]?.readAt)).toBe(true);
			expect(await historyOf(bob, id)).toEqual(after);
		});

		it("take what was read for delivered", async () => {
			const { alice, bob, id } = await aConversation(target());
			await alice.write(id, "hello");
			await bob.patch(`/conversations/${id}/read`);
			const [message] = await historyOf(alice, id);
			expect(message).toMatchObject({ deliveredAt: aTime, readAt: aTime });
		});

		it("say nothing when only the sender read, or nobody's device has the message", async () => {
			const { alice, id } = await aConversation(target());
			const message = await alice.write(id, "hello");
			await alice.patch(`/conversations/${id}/read`);
			expect(await historyOf(alice, id)).toEqual([{ ...message, deliveredAt: null, readAt: null }]);
		});
	});
}

function list(person: Person, id: string, query = ""): Promise<MessagePage> {
	return person.get(`/conversations/${id}/messages?${query}`);
}

function seqs({ items }: MessagePage): number[] {
	return items.map(({ seq }) => seq);
}

async function writeMany(person: Person, id: string, count: number): Promise<void> {
	for (const n of upTo(count)) await person.write(id, `message ${n}`);
}

async function viaSocket(device: Device, conversationId: string, message: object): Promise<Message> {
	return (await device.ask<{ message: Message }>("send_message", { conversationId, ...message })).message;
}
