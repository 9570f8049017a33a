import { randomUUID } from "node:crypto";
import { connect } from "nats";
import { type Cluster, startCluster } from "../../testing/cluster.ts";
import { isAddressedTo } from "../../testing/nats.ts";
import { until } from "../../testing/until.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { closeDevices } from "./core/device.ts";
import { describeCore } from "./core/index.ts";
import { aConversation } from "./core/people.ts";

jest.setTimeout(30_000);

describe("Parley in many processes, Alice and Bob on two gateways", () => {
	let database: TestDatabase;
	let cluster: Cluster;

	beforeAll(async () => {
		database = await createMigratedDatabase();
		cluster = await startCluster({ databaseUrl: database.url, counts: { gateway: 2, messages: 2 } });
	}, 240_000);

	afterAll(async () => {
		await cluster?.stop();
		await database?.drop();
	}, 60_000);

	describeCore(() => cluster);

	describe("idle gateways", () => {
		afterEach(closeDevices);

		it("hear nothing of a message between two people on two others", async () => {
			const idle = await cluster.add("gateway", 8);
			const { alice, bob, id } = await aConversation(cluster);
			const [hers, his] = [await alice.device(), await bob.device()];
			const exchange = async (count: number) => {
				let last = 0;
				for (let sent = 0; sent < count; sent++) last = (await alice.write(id, `Message ${randomUUID()}`)).seq;
				await until(
					() => hers.heard("message_delivered").at(-1)?.seq === last && his.heard("unread_count").at(-1)?.count === last,
				);
			};
			await exchange(5);
			const overheard = await eavesdrop(cluster.nats.url, () => exchange(100));
			// Answers are to what the gateway asked by itself, such as to renew its lease.
			const isPush = (subject: string) => /\.(REQ|EVENT)\./.test(subject);
			const messagesTo = (name: string) =>
				count(overheard, (subject) => isPush(subject) && isAddressedTo(subject, cluster.node(name).pid));
			expect(messagesTo("gateway-1")).toBeGreaterThan(0);
			expect(messagesTo("gateway-2")).toBeGreaterThan(0);
			expect(idle.map(messagesTo)).toEqual(idle.map(() => 0));
			// What is addressed to nobody reaches everybody: only the nodes' own signs of life, by any name.
			const pids = [...cluster.nodes.values()].map(({ pid }) => pid);
			const toEverybody = [...overheard.keys()].filter(
				(subject) => !pids.some((pid) => isAddressedTo(subject, pid)) && !isBalanced(subject),
			);
			expect(toEverybody.filter((subject) => !/\.(HEARTBEAT|PING|PONG|INFO|DISCOVER)$/.test(subject))).toEqual([]);
		}, 180_000);
	});
});

/** How many messages went over the bus under each subject while `work` was done. */
async function eavesdrop(natsUrl: string, work: () => Promise<void>): Promise<Map<string, number>> {
	const overheard = new Map<string, number>();
	const bus = await connect({ servers: natsUrl });
	try {
		bus.subscribe(">", { callback: (_, { subject }) => overheard.set(subject, (overheard.get(subject) ?? 0) + 1) });
		await bus.flush();
		await work();
		await bus.flush();
		return overheard;
	} finally {
		await bus.close();
	}
}

/** Moleculer's balanced requests and events go to one member of a queue group. */
function isBalanced(subject: string): boolean {
	return /\.(REQB|EVENTB)\./.test(subject);
}

function count(overheard: Map<string, number>, isCounted: (subject: string) => boolean): number {
	return [...overheard].reduce((sum, [subject, times]) => (isCounted(subject) ? sum + times : sum), 0);
}
