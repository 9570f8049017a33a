import type { Service, ServiceSchema } from "moleculer";
import type { Socket } from "socket.io-client";
import { chunksOf } from "../../lib/chunks.ts";
import { until } from "../../testing/until.ts";
import { as, tokenOf } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { connect, disconnect, gatewayOf } from "../support/gateway.ts";
import { registerUser } from "../support/platform.ts";
import { useNodes } from "../support/use-node.ts";

jest.setTimeout(60_000);

/** What one question may have, so that its answer stays far below what the bus lets through. */
const maxIds = 500;
const people = 1_700;

/** How many ids each question had, by action. */
const asked = new Map<string, number[]>();

const [caller, server] = useNodes(
	{ services: ["conversations", "gateway", "messages", "presence"] },
	{ services: ["directory"], others: [countingIds()] },
);

/** Looks at the questions that reach the directory; they are answered as always. */
function countingIds(): ServiceSchema {
	return {
		name: "counting-ids",
		created(this: Service) {
			this.broker.middlewares.add({
				name: "counting-ids",
				localAction(next, { name = "" }) {
					return async function (this: Service, ctx) {
						const { ids } = ctx.params as { ids?: string[] };
						if (ids) asked.set(name, [...(asked.get(name) ?? []), ids.length]);
						return next.call(this, ctx);
					};
				},
			});
		},
	};
}

test("somebody with very many conversations finds one by name, and the directory is asked for few names at a time", async () => {
	const viewerId = await registerUser(caller.calls);
	await query(
		server.databaseUrl,
		`with others as (insert into users (id, name) select 'many-' || n, 'Person number ' || n from generate_series(1, $2::int) n returning id),
		opened as (
			insert into conversations (id, user1_id, user2_id, job_application_id)
			select gen_random_uuid(), $1, id, id from others returning id, user1_id, user2_id
		)
		insert into participants (conversation_id, user_id) select id, person from opened, unnest(array[user1_id, user2_id]) person`,
		[viewerId, people],
	);
	asked.clear();
	const { items } = await caller.calls.call("conversations.list", { q: "person 1234" }, as(viewerId));
	expect(items.map(({ participants }) => participants[1]?.name)).toEqual(["Person number 1234"]);
	for (const action of ["users.names", "applications.titles"]) {
		expect(Math.max(...(asked.get(action) ?? []))).toBeLessThanOrEqual(maxIds);
		expect((asked.get(action) ?? []).reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(people);
	}
});

test("a gateway with very many people asks for few at a time who of them was erased, and expels only those", async () => {
	const userIds = Array.from({ length: 600 }, (_, n) => `many-${n + 1}`);
	const sockets: Socket[] = [];
	for (const some of chunksOf(userIds, 50)) {
		sockets.push(...(await Promise.all(some.map(async (userId) => connect(caller, await tokenOf(userId))))));
	}
	const gone: string[] = [];
	for (const [i, socket] of sockets.entries()) socket.on("disconnect", () => gone.push(String(userIds[i])));
	await query(server.databaseUrl, "update users set deleted_at = now() where id in ('many-3', 'many-600')");
	asked.clear();
	await gatewayOf(caller).expelErased();
	await until(() => gone.length >= 2);
	expect(gone.sort()).toEqual(["many-3", "many-600"]);
	expect(asked.get("users.active")).toEqual([maxIds, 100]);
	await disconnect(caller, ...sockets);
});
