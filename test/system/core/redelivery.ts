import { ChatClient } from "../../../client/chat.ts";
import type { TargetOf } from "../../../testing/target.ts";
import { until } from "../../../testing/until.ts";
import { Cable, closeCables } from "./cable.ts";
import { closeDevices, type Device } from "./device.ts";
import { aConversation, historyOf, upTo } from "./people.ts";

/** What the issue promises, and a second for machines that are busy. */
const againWithin = { timeoutMs: 6_000 };

export function describeRedelivery(target: TargetOf): void {
	const clients: ChatClient[] = [];

	afterEach(() => {
		for (const client of clients.splice(0)) client.close();
		closeCables();
		closeDevices();
	});

	describe("a message that no device has acknowledged", () => {
		it("comes again within 5 seconds, the same and in order, but not to its author", async () => {
			const { alice, bob, id } = await aConversation(target());
			const [his, hers] = [await bob.device({ acknowledges: false }), await alice.device({ acknowledges: false })];
			for (const n of [1, 2, 3]) await alice.write(id, `message ${n}`);
			await until(() => received(his).length === 3);
			await until(() => received(his).length === 6, againWithin);
			expect(received(his)).toEqual([1, 2, 3, 1, 2, 3]);
			const [first, , , again] = his.heard("message_received");
			expect(again).toEqual(first);
			expect(received(hers)).toEqual([]);
			expect(hers.heard("message_sent")).toHaveLength(3);
		});

		it("comes to a device that was not there when it was written", async () => {
			const { alice, bob, id } = await aConversation(target());
			for (const n of [1, 2, 3]) await alice.write(id, `message ${n}`);
			const his = await bob.device();
			await until(() => received(his).length === 3, againWithin);
			expect(his.heard("message_received").map(({ message }) => message.content)).toEqual(
				(await historyOf(alice, id)).map(({ content }) => content),
			);
		});

		it("reaches a client that pushes did not reach, without another message to show the gap", async () => {
			const { alice, bob, id } = await aConversation(target());
			const cable = await Cable.to(bob.baseUrl);
			const client = new ChatClient({ baseUrl: cable.url, token: bob.token });
			clients.push(client);
			await client.connect();
			const state = await client.open(id);
			const witness = await bob.device({ acknowledges: false });
			cable.losesPushes = true;
			await alice.write(id, "lost");
			await until(() => received(witness).length > 0);
			cable.losesPushes = false;
			await until(() => state.lastSeq === 1, againWithin);
			await until(async () => (await historyOf(alice, id))[0]?.deliveredAt);
		});
	});

	it("a message that one device has acknowledged does not come again, to no device", async () => {
		const { alice, bob, id } = await aConversation(target());
		const [his, silent] = [await bob.device(), await bob.device({ acknowledges: false })];
		for (const n of upTo(3)) await alice.write(id, `message ${n}`);
		await until(async () => (await historyOf(alice, id)).every(({ deliveredAt }) => deliveredAt));
		// Somebody whose messages come again, twice, shows that there was time for it.
		const clock = await aConversation(target());
		const ticking = await clock.bob.device({ acknowledges: false });
		await clock.alice.write(clock.id, "tick");
		await until(() => received(ticking).length === 3, { timeoutMs: 15_000 });
		for (const device of [his, silent]) expect(received(device)).toEqual([1, 2, 3]);
	});
}

function received(device: Device): number[] {
	return device.heard("message_received").map(({ message }) => message.seq);
}
