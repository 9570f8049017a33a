import type { ConversationMetadata, Presence, ServerEvents } from "../../../client/types.ts";
import type { TargetOf } from "../../../testing/target.ts";
import { eventually, until } from "../../../testing/until.ts";
import { closeDevices, codeOf, type Device } from "./device.ts";
import { aTime } from "./expectations.ts";
import { aConversation, converse, type Person, register } from "./people.ts";

export function describePresence(target: TargetOf): void {
	afterEach(closeDevices);

	describe("presence", () => {
		it("is offline, and never seen, before a first connection", async () => {
			const { alice, bob } = await aConversation(target());
			expect(await presenceOf(alice, bob)).toEqual({ userId: alice.id, status: "offline", lastSeenAt: null });
		});

		it("is online with the first device, which those with whom a conversation is shared hear once", async () => {
			const { alice, bob } = await aConversation(target());
			const carol = await register(target());
			await converse(target(), alice, carol);
			await converse(target(), alice, bob);
			const [his, hers] = [await bob.device(), await carol.device()];
			await alice.device();
			for (const device of [his, hers]) await until(() => changesOf(alice, device).length > 0);
			await alice.device();
			expect(await presenceOf(alice, bob)).toEqual({ userId: alice.id, status: "online", lastSeenAt: aTime });
			// Both hear of what comes last, and of nothing between.
			for (const device of [his, hers]) expect(changesOf(alice, device)).toEqual(["user_online"]);
			expect(his.heard("user_online")).toContainEqual({ userId: alice.id, lastSeenAt: aTime });
		});

		it("over call is what it is over REST", async () => {
			const { alice, bob } = await aConversation(target());
			await alice.device();
			const device = await bob.device();
			await until(async () => (await presenceOf(alice, bob)).status === "online");
			const { error, result } = await device.call<Presence>("presence.get", { userId: alice.id });
			expect({ error, result }).toEqual({ error: null, result: { userId: alice.id, status: "online", lastSeenAt: aTime } });
		});

		it("is that of the most present device: online wins over away", async () => {
			const { alice, bob } = await aConversation(target());
			const his = await bob.device();
			const [phone, laptop] = [await alice.device(), await alice.device()];
			const changed = async (changes: string[], status: Presence["status"]) => {
				await eventually(
					() => {
						expect(changesOf(alice, his)).toEqual(changes);
					},
					{ timeoutMs: 20_000 },
				);
				await eventually(async () => {
					expect(await presenceOf(alice, bob)).toMatchObject({ status });
				});
			};
			await changed(["user_online"], "online");
			await phone.ask("set_presence", { status: "away" });
			await changed(["user_online"], "online");
			await laptop.ask("set_presence", { status: "away" });
			await changed(["user_online", "user_away"], "away");
			await phone.ask("set_presence", { status: "away" });
			await phone.ask("set_presence", { status: "online" });
			await changed(["user_online", "user_away", "user_online"], "online");
			phone.close();
			// After the grace time, for a socket went.
			await changed(["user_online", "user_away", "user_online", "user_away"], "away");
		});

		it("ends some time after the last device went; who is back before that was never gone", async () => {
			const { alice, bob, id } = await aConversation(target());
			const carol = await register(target());
			await converse(target(), carol, bob);
			const his = await bob.device();
			const [hers, carols] = [await alice.device(), await carol.device()];
			for (const person of [alice, carol]) await until(() => changesOf(person, his).length === 1);
			hers.close();
			carols.close();
			const closedMs = Date.now();
			await carol.device();
			await until(() => changesOf(alice, his).length === 2, { timeoutMs: 20_000 });
			const heardMs = Date.now();
			expect(heardMs - closedMs).toBeGreaterThan(2_000);
			expect(changesOf(alice, his)).toEqual(["user_online", "user_offline"]);
			expect(changesOf(carol, his)).toEqual(["user_online"]);
			const { lastSeenAt, ...rest } = await presenceOf(alice, bob);
			expect(rest).toEqual({ userId: alice.id, status: "offline" });
			expect(Math.abs(Date.parse(lastSeenAt ?? "") - closedMs)).toBeLessThan(2_000);
			expect(his.heard("user_offline")).toEqual([{ userId: alice.id, lastSeenAt }]);
			expect(await presenceOf(carol, bob)).toMatchObject({ status: "online" });
			const { participants } = await bob.get<ConversationMetadata>(`/conversations/${id}/metadata`);
			expect(participants.find(({ userId }) => userId === alice.id)?.lastSeenAt).toBe(lastSeenAt);
			await alice.device();
			await until(() => changesOf(alice, his).at(-1) === "user_online");
		});

		it("is one's own to see", async () => {
			const alice = await register(target());
			const device = await alice.device();
			await eventually(async () => {
				expect(await presenceOf(alice, alice)).toMatchObject({ status: "online" });
			});
			expect(changesOf(alice, device)).toEqual([]);
		});

		it("of strangers is not to be found, as if they did not exist", async () => {
			const { alice, bob } = await aConversation(target());
			const stranger = await register(target());
			await alice.device();
			const spy = await stranger.device();
			for (const userId of [alice.id, bob.id, "nobody"]) {
				const answer = await stranger.ask("GET", `/users/${userId}/presence`);
				expect(answer).toMatchObject({ status: 404, code: "NOT_FOUND" });
				expect((await spy.call("presence.get", { userId })).error).toMatchObject({ code: "NOT_FOUND" });
			}
			expect(await alice.ask("GET", `/users/${stranger.id}/presence`)).toMatchObject({ status: 404, code: "NOT_FOUND" });
		});

		it("is told to no stranger", async () => {
			const { alice, bob } = await aConversation(target());
			const spy = await (await register(target())).device();
			const his = await bob.device();
			const hers = await alice.device();
			await hers.ask("set_presence", { status: "away" });
			await until(() => changesOf(alice, his).at(-1) === "user_away");
			await spy.call("conversations.list", {});
			for (const person of [alice, bob]) expect(changesOf(person, spy)).toEqual([]);
		});

		it.each([
			[undefined],
			[null],
			["away"],
			[{}],
			[{ status: "offline" }],
			[{ status: "busy" }],
			[{ status: 1 }],
			[{ status: null }],
		])("is not set by %j", async (payload) => {
			const { alice, bob } = await aConversation(target());
			const device = await alice.device();
			expect(codeOf(await device.emit("set_presence", payload))).toBe("VALIDATION_FAILED");
			await eventually(async () => {
				expect(await presenceOf(alice, bob)).toMatchObject({ status: "online" });
			});
		});
	});
}

function presenceOf(person: Person, asSeenBy: Person): Promise<Presence> {
	return asSeenBy.get(`/users/${person.id}/presence`);
}

const events = ["user_online", "user_away", "user_offline"] as const satisfies (keyof ServerEvents)[];

/** What the device heard of somebody's presence, in order. */
function changesOf({ id }: Person, device: Device): string[] {
	return device.events
		.filter(({ event, payload }) => events.some((name) => name === event) && (payload as { userId: string }).userId === id)
		.map(({ event }) => event);
}
