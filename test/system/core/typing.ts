import type { Target, TargetOf } from "../../../testing/target.ts";
import { eventually, until } from "../../../testing/until.ts";
import { closeDevices, codeOf, type Device } from "./device.ts";
import { aConversation, converse, type Person, register } from "./people.ts";

export function describeTyping(target: TargetOf): void {
	afterEach(closeDevices);

	describe("typing", () => {
		it("is heard by those devices of the other side that joined the conversation, and by no others", async () => {
			const { alice, bob, id } = await aConversation(target());
			const other = await converse(target(), alice, bob);
			const [hers, tablet] = [await joined(alice, id), await joined(alice, id)];
			const his = [await joined(bob, id), await joined(bob, id)];
			const deaf = [await bob.device(), await joined(bob, other.id), await joined(bob, id)];
			await deaf[2]?.ask("leave_conversation", { conversationId: id });
			await hers.ask("typing_start", { conversationId: id });
			for (const device of his)
				await eventually(() => {
					expect(typingOf(alice, device)).toEqual([true]);
				});
			await hers.ask("typing_stop", { conversationId: id });
			for (const device of his)
				await eventually(() => {
					expect(typingOf(alice, device)).toEqual([true, false]);
				});
			expect(his[0]?.heard("user_typing")[0]).toEqual({ conversationId: id, userId: alice.id, typing: true });
			await alice.write(id, "done");
			for (const device of deaf) await until(() => device.heard("message_received").length > 0);
			for (const device of [hers, tablet, ...deaf]) expect(device.heard("user_typing")).toEqual([]);
		});

		it("ends by itself about 3 seconds after it was said last", async () => {
			const { hers, his, alice, id } = await twoTyping(target());
			const startedMs = Date.now();
			await until(() => typingOf(alice, his).at(-1) === false);
			const lastedMs = Date.now() - startedMs;
			expect(lastedMs).toBeGreaterThan(2_000);
			expect(lastedMs).toBeLessThan(5_000);
			await hers.ask("typing_start", { conversationId: id });
			await eventually(() => {
				expect(typingOf(alice, his)).toEqual([true, false, true]);
			});
		});

		it("goes on, without being told again, as long as it is renewed", async () => {
			const { hers, his, alice, id } = await twoTyping(target());
			const startedMs = Date.now();
			await until(
				async () => {
					await hers.ask("typing_start", { conversationId: id });
					return Date.now() - startedMs > 4_500;
				},
				{ intervalMs: 1_000 },
			);
			expect(typingOf(alice, his)).toEqual([true]);
			await eventually(() => {
				expect(typingOf(alice, his)).toEqual([true, false]);
			});
		});

		const ends: [string, (hers: Device, alice: Person, id: string) => Promise<unknown>][] = [
			["typing_stop", (hers, _, id) => hers.ask("typing_stop", { conversationId: id })],
			["a message over REST", (_, alice, id) => alice.write(id, "sent")],
			[
				"a message over a socket",
				(hers, _, id) => hers.ask("send_message", { conversationId: id, clientId: crypto.randomUUID(), content: "sent" }),
			],
			["leaving the conversation", (hers, _, id) => hers.ask("leave_conversation", { conversationId: id })],
			["disconnecting", async (hers) => hers.close()],
		];

		it.each(ends)("ends at once with %s", async (_, end) => {
			const { hers, his, alice, id } = await twoTyping(target());
			const startedMs = Date.now();
			await end(hers, alice, id);
			await until(() => typingOf(alice, his).at(-1) === false);
			expect(Date.now() - startedMs).toBeLessThan(2_000);
			expect(typingOf(alice, his)).toEqual([true, false]);
		});

		it("that ends without having begun is not told", async () => {
			const { alice, bob, id } = await aConversation(target());
			const [hers, his] = [await joined(alice, id), await joined(bob, id)];
			await hers.ask("typing_stop", { conversationId: id });
			await alice.write(id, "hello");
			await hers.ask("typing_start", { conversationId: id });
			await eventually(() => {
				expect(typingOf(alice, his)).toEqual([true]);
			});
		});

		it("of one side says nothing of the other's, nor of another conversation's", async () => {
			const { hers, his, alice, bob, id } = await twoTyping(target());
			const other = await converse(target(), alice, bob);
			await his.ask("typing_start", { conversationId: id });
			await eventually(() => {
				expect(typingOf(bob, hers)).toEqual([true]);
			});
			await alice.write(other.id, "elsewhere");
			await his.ask("typing_stop", { conversationId: id });
			await eventually(() => {
				expect(typingOf(bob, hers)).toEqual([true, false]);
			});
			expect(typingOf(alice, his)).toEqual([true]);
		});

		it.each(["typing_start", "typing_stop", "join_conversation"])(
			"is nothing for strangers, to whom the conversation does not exist: %s",
			async (event) => {
				const { alice, bob, id } = await aConversation(target());
				const [hers, his] = [await joined(alice, id), await joined(bob, id)];
				const stranger = await register(target());
				const spy = await stranger.device();
				expect(codeOf(await spy.emit(event, { conversationId: id }))).toBe("NOT_FOUND");
				expect(codeOf(await spy.emit(event, { conversationId: crypto.randomUUID() }))).toBe("NOT_FOUND");
				await hers.ask("typing_start", { conversationId: id });
				await eventually(() => {
					expect(typingOf(alice, his)).toEqual([true]);
				});
				await spy.call("conversations.list", {});
				expect(spy.heard("user_typing")).toEqual([]);
				expect(typingOf(stranger, his)).toEqual([]);
			},
		);
	});
}

async function joined(person: Person, conversationId: string): Promise<Device> {
	const device = await person.device();
	await device.ask("join_conversation", { conversationId });
	return device;
}

/** Both have joined; Alice types, and Bob has heard of it. */
async function twoTyping(target: Target) {
	const setting = await aConversation(target);
	const { alice, bob, id } = setting;
	const [hers, his] = [await joined(alice, id), await joined(bob, id)];
	await hers.ask("typing_start", { conversationId: id });
	await eventually(() => {
		expect(typingOf(alice, his)).toEqual([true]);
	});
	return { ...setting, hers, his };
}

/** What the device heard of somebody's typing, in order. */
function typingOf({ id }: Person, device: Device): boolean[] {
	return device
		.heard("user_typing")
		.filter(({ userId }) => userId === id)
		.map(({ typing }) => typing);
}
