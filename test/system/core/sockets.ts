import { randomUUID } from "node:crypto";
import type { Conversation, Message, Page, Receipt, ServerEvents } from "../../../client/types.ts";
import type { Target, TargetOf } from "../../../testing/target.ts";
import { eventually, until } from "../../../testing/until.ts";
import { closeDevices, codeOf, Device } from "./device.ts";
import { aTime } from "./expectations.ts";
import { aConversation, apply, converse, historyOf, type Person, platformOf, twoPeople } from "./people.ts";

export function describeSockets(target: TargetOf): void {
	afterEach(closeDevices);

	describe("a message over sockets", () => {
		it.each(["socket", "REST"])("sent by %s reaches all devices of both, each under its own name", async (transport) => {
			const { hers, his, alice, id } = await connected(target());
			const draft = { clientId: randomUUID(), content: "hello 👋🏽" };
			const message =
				transport === "REST"
					? (await alice.send(id, draft)).body
					: (await hers[0].ask<{ message: Message }>("send_message", { conversationId: id, ...draft })).message;
			expect(message).toMatchObject({ ...draft, conversationId: id, seq: 1, senderId: alice.id });
			for (const device of hers) await heard(device, "message_sent", { message });
			for (const device of his) await heard(device, "message_received", { message });
			for (const device of hers) expect(device.heard("message_received")).toEqual([]);
			for (const device of his) expect(device.heard("message_sent")).toEqual([]);
		});

		it("is delivered when one of the recipient's devices has acknowledged it, which all of the sender's devices hear", async () => {
			const { alice, bob, id } = await aConversation(target());
			const hers = [await alice.device(), await alice.device()];
			await bob.device({ acknowledges: false });
			await bob.device();
			await alice.write(id, "hello");
			for (const device of hers) await heardReceipt(device, "message_delivered", { conversationId: id, userId: bob.id, seq: 1 });
			const [message] = await historyOf(alice, id);
			expect(message).toMatchObject({ deliveredAt: aTime, readAt: null });
			expect(await cursorsOf(bob, id, alice)).toMatchObject({ deliveredSeq: 1, readSeq: 0 });
		});

		it("is not delivered as long as no device has acknowledged it", async () => {
			const { alice, bob, id } = await aConversation(target());
			const his = await bob.device({ acknowledges: false });
			const message = await alice.write(id, "hello");
			await heard(his, "message_received", { message });
			expect(await historyOf(alice, id)).toEqual([message]);
			expect(await cursorsOf(bob, id, alice)).toMatchObject({ deliveredSeq: 0, readSeq: 0 });
		});

		it("two ticks come up to the last of many messages", async () => {
			const { hers, his, alice, bob, id } = await connected(target());
			const sends = Array.from({ length: 50 }, (_, n) => alice.write(id, `message ${n}`));
			await Promise.all(sends);
			for (const device of his)
				await until(() => new Set(device.heard("message_received").map(({ message }) => message.seq)).size === 50);
			for (const device of hers) await heardReceipt(device, "message_delivered", { conversationId: id, userId: bob.id, seq: 50 });
			for (const { deliveredAt } of await historyOf(alice, id)) expect(deliveredAt).toEqual(aTime);
		});

		it("comes in seq order to every device", async () => {
			const { hers, his, alice, bob, id } = await connected(target());
			for (const n of [1, 2, 3, 4, 5]) {
				await alice.write(id, `from Alice ${n}`);
				await bob.write(id, `from Bob ${n}`);
			}
			for (const device of [...hers, ...his]) {
				const seqs = () =>
					distinct([...device.heard("message_received"), ...device.heard("message_sent")].map(({ message }) => message.seq));
				await until(() => seqs().length === 10);
				for (const event of ["message_received", "message_sent"] as const) {
					const heardSeqs = distinct(device.heard(event).map(({ message }) => message.seq));
					expect(heardSeqs).toEqual(heardSeqs.toSorted((a, b) => a - b));
				}
			}
		});
	});

	describe("reading over sockets", () => {
		it.each(["seq", "messageId", "default", "REST"])("by %s is heard by all devices of both", async (way) => {
			const { hers, his, alice, bob, id } = await connected(target());
			await alice.write(id, "one");
			const second = await alice.write(id, "two");
			const payload = way === "messageId" ? { messageId: second.id } : { conversationId: id, ...(way === "seq" && { seq: 2 }) };
			if (way === "REST") await bob.patch(`/messages/${second.id}/read`);
			else expect(await his[0].emit("mark_read", payload)).toMatchObject({ ok: true, readSeq: 2, unreadCount: 0 });
			for (const device of [...hers, ...his]) {
				await heardReceipt(device, "message_read", { conversationId: id, userId: bob.id, seq: 2 });
			}
			const at = hers[0].heard("message_read").find(({ seq }) => seq === 2)?.at;
			expect((await historyOf(alice, id))[1]?.readAt).toBe(at);
			expect(await cursorsOf(bob, id, alice)).toMatchObject({ readSeq: 2 });
		});

		it("up to a seq leaves what is above it", async () => {
			const { his, alice, id } = await connected(target());
			for (const text of ["one", "two", "three"]) await alice.write(id, text);
			const ack = await his[0].emit("mark_read", { conversationId: id, seq: 1 });
			expect(ack).toMatchObject({ ok: true, readSeq: 1, unreadCount: 2 });
		});

		it("the count of unread messages follows on all devices of the one whose count it is, and on no others", async () => {
			const { hers, his, alice, bob, id } = await connected(target());
			const other = await converse(target(), alice, bob);
			const counts = async (conversationId: string, count: number, total: number) => {
				for (const device of his) {
					await eventually(() => {
						expect(device.heard("unread_count").at(-1)).toMatchObject({ conversationId, count, total });
					});
				}
			};
			await alice.write(id, "one");
			await counts(id, 1, 1);
			await alice.write(other.id, "two");
			await counts(other.id, 1, 2);
			await alice.write(id, "three");
			await counts(id, 2, 3);
			await his[1].ask("mark_read", { conversationId: id, seq: 1 });
			await counts(id, 1, 2);
			await bob.patch(`/conversations/${other.id}/read`);
			await counts(other.id, 0, 1);
			for (const device of hers) expect(device.heard("unread_count").filter(({ count }) => count > 0)).toEqual([]);
		});
	});

	describe("a conversation over sockets", () => {
		it("is announced to all devices of both when it is opened, archived and reopened", async () => {
			const { alice, bob } = await twoPeople(target());
			const devices = [...(await twoDevices(alice)), ...(await twoDevices(bob))];
			const { id } = await alice.post<Conversation>("/conversations", { jobApplicationId: await apply(target(), alice, bob) });
			const announced = async (expected: Partial<Conversation>) => {
				for (const device of devices) {
					await until(() => {
						const last = device.heard("conversation_updated").at(-1);
						expect(last?.conversation).toMatchObject({ id, ...expected });
						return true;
					});
				}
			};
			await announced({ status: "ACTIVE", lastSeq: 0, archivedBy: null });
			await bob.patch(`/conversations/${id}/archive`);
			await announced({ status: "ARCHIVED", archivedBy: bob.id });
			await alice.patch(`/conversations/${id}/reopen`);
			await announced({ status: "ACTIVE", archivedBy: null, archivedAt: null });
		});

		it("comes to each side as that side sees it", async () => {
			const { hers, his, alice, bob, id } = await connected(target());
			await alice.write(id, "hello");
			await alice.put(`/conversations/${id}/mute`, { until: "2099-01-01T00:00:00.000Z" });
			await bob.patch(`/conversations/${id}/archive`);
			for (const [device, person] of [
				[hers[0], alice],
				[his[0], bob],
			] as const) {
				const fresh = await person.get<Conversation>(`/conversations/${id}`);
				const { unreadCount, mutedUntil } = fresh;
				await until(() => {
					const last = device.heard("conversation_updated").at(-1);
					expect(last?.conversation).toMatchObject({ status: "ARCHIVED", unreadCount, mutedUntil });
					return true;
				});
			}
		});

		it("can be joined and left by those who take part", async () => {
			const { hers, his, id } = await connected(target());
			for (const device of [hers[0], his[0]]) {
				expect(await device.emit("join_conversation", { conversationId: id })).toMatchObject({ ok: true });
				expect(await device.emit("leave_conversation", { conversationId: id })).toMatchObject({ ok: true });
			}
		});

		it("is heard without joining, and a device that disconnected hears nothing more", async () => {
			const { hers, his, alice, id } = await connected(target());
			his[0].close();
			await alice.write(id, "hello");
			await until(() => his[1].heard("message_received").length > 0 && hers[1].heard("message_sent").length > 0);
			expect(his[0].heard("message_received")).toEqual([]);
		});
	});

	describe("authenticating", () => {
		it("may come after the connection, which then hears and does everything", async () => {
			const { alice, bob, id } = await aConversation(target());
			const device = await Device.connect(target().baseUrls[0], {});
			const session = await device.emit("authenticate", { token: bob.token });
			expect(session).toMatchObject({ ok: true, userId: bob.id, expiresAt: aTime });
			const message = await alice.write(id, "hello");
			await heard(device, "message_received", { message });
			expect(await device.emit("mark_read", { conversationId: id })).toMatchObject({ ok: true, readSeq: 1 });
		});

		it("must come within 5 seconds", async () => {
			const started = Date.now();
			const device = await Device.connect(target().baseUrls[0], {});
			await until(() => device.closedBy, { timeoutMs: 8000 });
			expect(Date.now() - started).toBeGreaterThanOrEqual(4000);
		});

		it("with a token that is not valid is refused, and leaves the connection as it was", async () => {
			const { alice, id } = await aConversation(target());
			const device = await alice.device();
			for (const token of ["nonsense", "", `${alice.token}x`, undefined, 5]) {
				expect([token, codeOf(await device.emit("authenticate", { token }))]).toEqual([token, "UNAUTHENTICATED"]);
			}
			expect(codeOf(await device.emit("authenticate", { token: await target().userToken(alice.id, -3600) }))).toBe(
				"TOKEN_EXPIRED",
			);
			expect(await device.emit("mark_read", { conversationId: id })).toMatchObject({ ok: true });
		});

		it("ends with the token: the socket is closed when it expires", async () => {
			const { alice } = await twoPeople(target());
			const device = await Device.connect(alice.baseUrl, { token: await target().userToken(alice.id, 2) });
			expect(await until(() => device.closedBy)).toBe("io server disconnect");
		});

		it("again with a newer token keeps the socket open beyond the older one's end", async () => {
			const { alice, id } = await aConversation(target());
			const renewed = await Device.connect(alice.baseUrl, { token: await target().userToken(alice.id, 2) });
			const clock = await Device.connect(alice.baseUrl, { token: await target().userToken(alice.id, 3) });
			expect(codeOf(await renewed.emit("authenticate", { token: alice.token }))).toBe("ok");
			await until(() => clock.closedBy);
			expect(renewed.closedBy).toBeUndefined();
			expect(await renewed.emit("mark_read", { conversationId: id })).toMatchObject({ ok: true });
		});

		it("ends when the platform erases the person", async () => {
			const { alice, id } = await aConversation(target());
			const device = await alice.device();
			const platform = await platformOf(target());
			await platform.ask("DELETE", `/platform/users/${alice.id}`);
			await until(
				async () => device.closedBy ?? codeOf(await device.emit("mark_read", { conversationId: id })) === "UNAUTHENTICATED",
			);
		});
	});

	describe("call", () => {
		it("answers queries as REST does", async () => {
			const { alice, bob, id } = await aConversation(target());
			for (const text of ["one", "two", "three"]) await bob.write(id, text);
			const device = await alice.device();
			const messages = await device.call("messages.list", { conversationId: id, after: 1, limit: 1 });
			expect(messages).toEqual({ error: null, result: await alice.get(`/conversations/${id}/messages?after=1&limit=1`) });
			const conversations = await device.call<Page<Conversation>>("conversations.list", { status: "ALL" });
			expect(conversations).toEqual({ error: null, result: await alice.get("/conversations?status=ALL") });
			const one = { conversationId: id };
			expect((await device.call("conversations.get", one)).result).toEqual(await alice.get(`/conversations/${id}`));
			expect((await device.call("conversations.unreadCount", one)).result).toEqual({ count: 3 });
			expect((await device.call("conversations.unreadCount", {})).result).toEqual({ count: 3 });
			expect((await device.call("conversations.metadata", one)).result).toMatchObject({ ...one, messageCount: 3 });
		});

		it("answers errors with the protocol's codes", async () => {
			const { alice, id } = await aConversation(target());
			const device = await alice.device();
			const invalid = await device.call("messages.list", { conversationId: id, limit: -1 });
			expect(invalid.error).toMatchObject({ code: "VALIDATION_FAILED", message: expect.any(String) });
			const missing = await device.call("messages.list", { conversationId: randomUUID() });
			expect(missing.error).toMatchObject({ code: "NOT_FOUND" });
		});

		it.each([
			"messages.send",
			"messages.markRead",
			"conversations.archive",
			"users.put",
			"users.erase",
			"applications.put",
			"gateway.deliver",
			"presence.report",
			"presence.locate",
			"presence.lookup",
			"presence.typing",
			"presence.typists",
			"conversations.participants",
			"conversations.partners",
			"conversations.share",
			"messages.changes",
			"messages.undelivered",
			"messages.pick",
			"$node.list",
			"$node.options",
			"messages.*",
			"**",
			"constructor",
			"nonsense",
			"",
		])("does not reach %j, which is not on the white list", async (action) => {
			const { alice, bob, id } = await aConversation(target());
			const device = await alice.device();
			const params = { id: bob.id, name: "Mallory", conversationId: id, clientId: randomUUID(), content: "hi" };
			const { error, result } = await device.call(action, params);
			expect(error?.code).toBe("NOT_FOUND");
			expect(result).toBeUndefined();
			expect(await alice.get(`/conversations/${id}`)).toMatchObject({ status: "ACTIVE", lastSeq: 0 });
		});

		it.each([[null], [5], [{}], [["messages.list"]]])("survives the action %j", async (action) => {
			const { alice } = await twoPeople(target());
			const device = await alice.device();
			const { error } = await device.call(action as unknown as string, {});
			expect(error?.code).toBe("NOT_FOUND");
			expect((await device.call("conversations.list", {})).error).toBeNull();
		});
	});

	describe("an event that cannot be understood", () => {
		const events = [
			"send_message",
			"mark_read",
			"join_conversation",
			"leave_conversation",
			"typing_start",
			"typing_stop",
			"set_presence",
			"authenticate",
		];
		const payloads = [undefined, null, "text", 5, [], {}, { conversationId: 5 }, { conversationId: { $ne: null } }];

		it.each(events)("is refused and harms nobody: %s", async (event) => {
			const { alice } = await twoPeople(target());
			const device = await alice.device();
			for (const payload of payloads) {
				const code = codeOf(await device.emit(event, payload));
				expect({ payload, code }).toEqual({
					payload,
					code: expect.stringMatching(/^(VALIDATION_FAILED|NOT_FOUND|UNAUTHENTICATED)$/),
				});
			}
			expect((await device.call("conversations.list", {})).error).toBeNull();
		});

		it("and asks for no acknowledgement is answered by error", async () => {
			const { alice } = await twoPeople(target());
			const device = await alice.device();
			device.socket.emit("mark_read", { conversationId: randomUUID() });
			await until(() => device.heard("error").length > 0);
			expect(device.heard("error")).toEqual([expect.objectContaining({ code: "NOT_FOUND", message: expect.any(String) })]);
		});

		it("names what is wrong", async () => {
			const { alice, id } = await aConversation(target());
			const device = await alice.device();
			const ack = await device.emit("send_message", { conversationId: id, clientId: "x", content: "hi" });
			const details = [{ path: "clientId", message: expect.any(String) }];
			expect(ack).toEqual({ ok: false, error: { code: "VALIDATION_FAILED", message: expect.any(String), details } });
		});
	});
}

type Pair = [Device, Device];

async function twoDevices(person: Person): Promise<Pair> {
	return [await person.device(), await person.device()];
}

/** A conversation with two devices connected on either side. */
async function connected(target: Target) {
	const setting = await aConversation(target);
	return { ...setting, hers: await twoDevices(setting.alice), his: await twoDevices(setting.bob) };
}

/** At least once: the server may say it again. */
async function heard<Name extends keyof ServerEvents>(device: Device, event: Name, payload: ServerEvents[Name]): Promise<void> {
	await eventually(() => {
		expect(device.heard(event)).toContainEqual(payload);
	});
}

/** Receipts are coalesced: only the one for the last seq is sure to come. */
async function heardReceipt(
	device: Device,
	event: "message_delivered" | "message_read",
	receipt: Omit<Receipt, "at">,
): Promise<void> {
	await eventually(() => {
		expect(device.heard(event)).toContainEqual({ ...receipt, at: aTime });
	});
}

async function cursorsOf(person: Person, conversationId: string, asSeenBy: Person) {
	const { participants } = await asSeenBy.get<Conversation>(`/conversations/${conversationId}`);
	return participants.find(({ userId }) => userId === person.id);
}

function distinct(seqs: number[]): number[] {
	return [...new Set(seqs)];
}
