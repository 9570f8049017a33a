import type { Socket } from "socket.io-client";
import { signToken } from "../../lib/token.ts";
import { until } from "../../testing/until.ts";
import { jwtSecret, tokenOf } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { connect, disconnect, gatewayOf } from "../support/gateway.ts";
import { registerUser } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(20_000);

const node = useNode();

afterEach(() => {
	jest.useRealTimers();
});

test("a socket that does not authenticate within five seconds is told why and closed", async () => {
	fakeTimeouts();
	const client = await connect(node);
	const farewell = farewellOf(client);
	jest.advanceTimersByTime(4_999);
	expect(await client.emitWithAck("sync", {})).toMatchObject({ ok: false, error: { code: "UNAUTHENTICATED" } });
	jest.advanceTimersByTime(1);
	expect(await farewell).toEqual({ error: "UNAUTHENTICATED", reason: "io server disconnect" });
});

test("a socket that authenticates in time stays until its token expires", async () => {
	const userId = await registerUser(node.calls);
	fakeTimeouts();
	const client = await connect(node);
	const farewell = farewellOf(client);
	jest.advanceTimersByTime(4_000);
	const token = await signToken({ sub: userId, role: "user", ttlSeconds: 10, jwt: { secret: jwtSecret } });
	expect(await client.emitWithAck("authenticate", { token })).toMatchObject({ ok: true, userId });
	jest.advanceTimersByTime(8_000);
	expect(await client.emitWithAck("sync", {})).toMatchObject({ ok: true });
	jest.advanceTimersByTime(2_000);
	expect(await farewell).toEqual({ error: "TOKEN_EXPIRED", reason: "io server disconnect" });
});

test("an erased person's sockets are closed, all of them and no others, also when nobody was told of the erasure", async () => {
	const [erasedId, otherId] = [await registerUser(node.calls), await registerUser(node.calls)];
	const erased = [await connect(node, await tokenOf(erasedId)), await connect(node, await tokenOf(erasedId))];
	const other = await connect(node, await tokenOf(otherId));
	const platform = await connect(node, await tokenOf("the platform", "platform"));
	const farewells = erased.map(farewellOf);
	await query(node.databaseUrl, "update users set deleted_at = now() where id = $1", [erasedId]);
	await gatewayOf(node).expelErased();
	const told = { error: "UNAUTHENTICATED", reason: "io server disconnect" };
	expect(await Promise.all(farewells)).toEqual([told, told]);
	expect([other.connected, platform.connected]).toEqual([true, true]);
	await until(() => gatewayOf(node).sockets.userIds().length === 1);
	expect(gatewayOf(node).sockets.userIds()).toEqual([otherId]);
	platform.close();
	await disconnect(node, other);
	await gatewayOf(node).expelErased();
});

test("a socket of another role is not delivered to, even if its sub is a user's id", async () => {
	const userId = await registerUser(node.calls);
	const client = await connect(node, await tokenOf(userId, "platform"));
	expect(gatewayOf(node).sockets.userIds()).toEqual([]);
	await disconnect(node, client);
});

/** What a client hears last: why it is closed, and how. */
function farewellOf(client: Socket): Promise<{ error: string; reason: string }> {
	return new Promise((resolve) => {
		let error = "";
		client.on("error", ({ code }) => {
			error = code;
		});
		client.on("disconnect", (reason) => resolve({ error, reason }));
	});
}

/** Only what waits for seconds: I/O goes on. */
function fakeTimeouts(): void {
	jest.useFakeTimers({
		doNotFake: [
			"Date",
			"hrtime",
			"nextTick",
			"performance",
			"queueMicrotask",
			"setImmediate",
			"clearImmediate",
			"setInterval",
			"clearInterval",
		],
	});
}
