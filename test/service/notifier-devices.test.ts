import { randomBytes, randomUUID } from "node:crypto";
import { Database } from "../../mixins/database.ts";
import { callsOf } from "../../services/contracts.ts";
import { claimClearing, devicesById, devicesOf, removeDevice } from "../../services/notifier/devices/devices.ts";
import { forgetErased } from "../../services/notifier/forget.ts";
import { turnOffEmail } from "../../services/notifier/settings/settings.ts";
import { until } from "../../testing/until.ts";
import { asPlatform, type TestNode, tokenOf } from "../support/broker.ts";
import { holding, query } from "../support/database.ts";
import { urlOf } from "../support/gateway.ts";
import { subscriptionAt } from "../support/notifications.ts";
import { registerUser } from "../support/platform.ts";
import { request } from "../support/rest.ts";
import { useNodes } from "../support/use-node.ts";

/** A push service in the operator's own network. */
const env = { WEBPUSH_ALLOW: "push.internal:8443", LOG_LEVEL: "debug" };
const [node, other] = useNodes({ env }, { env });
let db: Database;

beforeAll(() => {
	db = new Database(node.databaseUrl, () => {});
});

afterAll(() => db.close());

const fcm = () => ({ kind: "fcm", token: `${randomUUID()}:APA91b_${randomUUID()}` });
const webPush = () => ({ kind: "webpush", subscription: subscriptionAt(`https://push.internal:8443/${randomUUID()}`) });

test("a device is new once; the same again is the same device, used later", async () => {
	const userId = await registerUser(node.calls);
	for (const device of [fcm(), webPush(), { kind: "apns", token: randomBytes(32).toString("hex") }]) {
		const first = await add(userId, device);
		expect(first.status).toBe(201);
		expect(first.headers.get("Location")).toBe(`/notifications/devices/${first.body.id}`);
		expect(first.body).toEqual({
			id: expect.any(String),
			kind: device.kind,
			createdAt: expect.any(String),
			lastUsedAt: expect.any(String),
		});
		const again = await add(userId, device, other);
		expect(again.status).toBe(200);
		expect(again.body).toEqual({ ...first.body, lastUsedAt: expect.any(String) });
	}
	const { body } = await list(userId);
	expect(body).toMatchObject({ items: [{ kind: "apns" }, { kind: "webpush" }, { kind: "fcm" }], nextCursor: null });
});

test("a token of Apple is the same device in capital letters, and a URL the same with a fragment", async () => {
	const userId = await registerUser(node.calls);
	const token = randomBytes(32).toString("hex");
	const { body } = await add(userId, { kind: "apns", token: token.toUpperCase() });
	expect(await add(userId, { kind: "apns", token })).toMatchObject({ status: 200, body: { id: body.id } });
	const { subscription } = webPush();
	const first = await add(userId, { kind: "webpush", subscription });
	const same = { ...subscription, endpoint: `${subscription.endpoint}#x` };
	expect(await add(userId, { kind: "webpush", subscription: same })).toMatchObject({ status: 200, body: { id: first.body.id } });
	expect([...(await devicesById(db, [String(body.id), randomUUID()])).values()]).toMatchObject([{ id: body.id, address: token }]);
	expect((await devicesOf(db, [userId])).get(userId)).toEqual([
		{ id: first.body.id, kind: "webpush", address: subscription.endpoint, keys: subscription.keys },
		{ id: body.id, kind: "apns", address: token, keys: null },
	]);
});

test("a subscription that has new keys is the same device with these keys", async () => {
	const userId = await registerUser(node.calls);
	const { subscription } = webPush();
	const { body } = await add(userId, { kind: "webpush", subscription });
	const renewed = subscriptionAt(subscription.endpoint);
	expect(await add(userId, { kind: "webpush", subscription: renewed })).toMatchObject({ status: 200, body: { id: body.id } });
	expect((await devicesOf(db, [userId])).get(userId)).toMatchObject([{ keys: renewed.keys }]);
});

test("a token goes to whoever registers it last, as another device: nothing for the owner before can reach it", async () => {
	const [before, after] = [await registerUser(node.calls), await registerUser(node.calls)];
	const device = fcm();
	const first = await add(before, device);
	expect(await claimClearing(db, String(first.body.id), Date.now())).toBe(true);
	const moved = await add(after, device);
	expect(moved.status).toBe(201);
	expect(moved.body.id).not.toBe(first.body.id);
	expect((await list(before)).body).toEqual({ items: [], nextCursor: null });
	expect([...(await devicesOf(db, [before, after])).keys()]).toEqual([after]);
	expect(await claimClearing(db, String(first.body.id), Date.now())).toBe(false);
	expect(await claimClearing(db, String(moved.body.id), Date.now())).toBe(true);
});

test("a person has at most 20 devices, and the one that was used longest ago goes", async () => {
	const userId = await registerUser(node.calls);
	const devices = Array.from({ length: 20 }, fcm);
	const ids: string[] = [];
	for (const device of devices) ids.push(String((await add(userId, device)).body.id));
	// The first is in use, so the second is the oldest.
	await add(userId, devices[0] ?? {});
	const { body } = await add(userId, fcm());
	const kept = (await list(userId)).body as unknown as { items: { id: string }[] };
	expect(kept.items.map(({ id }) => id)).toEqual([body.id, ids[0], ...ids.slice(2).toReversed()]);
});

test("registered at once on two nodes, devices are 20 in the end, and one token is one device", async () => {
	const userId = await registerUser(node.calls);
	for (let i = 0; i < 20; i++) await add(userId, fcm());
	for (let round = 0; round < 10; round++) {
		const shared = fcm();
		const devices = [fcm(), fcm(), fcm(), fcm(), shared, shared];
		const answers = await Promise.all(devices.map((device, i) => add(userId, device, i % 2 === 0 ? node : other)));
		expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 201, 201, 201, 201, 201]);
		expect(new Set(answers.slice(4).map(({ body }) => body.id)).size).toBe(1);
		expect(await count(userId)).toBe(20);
	}
});

test("two people who register one token at once: it is one of theirs", async () => {
	const people = await Promise.all(Array.from({ length: 6 }, () => registerUser(node.calls)));
	const device = fcm();
	const answers = await Promise.all(people.map((userId, i) => add(userId, device, i % 2 === 0 ? node : other)));
	expect(answers.map(({ status }) => status)).toEqual(people.map(() => 201));
	expect([...(await devicesOf(db, people)).values()]).toHaveLength(1);
});

test("while a device's row is locked for too long the answer is UNAVAILABLE, and a repetition succeeds", async () => {
	const userId = await registerUser(node.calls);
	const device = fcm();
	await add(userId, device);
	await holding(node.databaseUrl, "select from devices where user_id = $1 for update", [userId], async () => {
		expect(await add(userId, device)).toMatchObject({ status: 503, body: { error: { code: "UNAVAILABLE" } } });
	});
	expect((await add(userId, device)).status).toBe(200);
});

const p256dh = subscriptionAt("").keys.p256dh;
const offCurve = Buffer.concat([Buffer.from([4]), Buffer.alloc(63, 1), Buffer.from([2])]).toString("base64url");
const compressed = Buffer.concat([Buffer.from([2]), Buffer.from(p256dh, "base64url").subarray(1)]).toString("base64url");

test.each<[string, object, string]>([
	["no kind", { token: "a" }, "kind"],
	["an unknown kind", { kind: "sms", token: "a" }, "kind"],
	["no token", { kind: "fcm" }, "token"],
	["an empty token", { kind: "fcm", token: "" }, "token"],
	["a token of 2,049 characters", { kind: "fcm", token: "a".repeat(2_049) }, "token"],
	["a token with a line break", { kind: "fcm", token: "secret-a\n" }, "token"],
	["a token with NUL", { kind: "fcm", token: "secret-\0" }, "token"],
	["a token that is an object", { kind: "fcm", token: { a: 1 } }, "token"],
	["a token of Apple that is short", { kind: "apns", token: "ab".repeat(31) }, "token"],
	["a token of Apple that is long", { kind: "apns", token: "ab".repeat(101) }, "token"],
	["a token of Apple with half a byte", { kind: "apns", token: `${"ab".repeat(32)}c` }, "token"],
	["a token of Apple with a path in it", { kind: "apns", token: `../${"ab".repeat(32)}` }, "token"],
	["no subscription", { kind: "webpush" }, "subscription"],
	["a token in place of a subscription", { kind: "webpush", token: "secret-a" }, "subscription"],
	["no keys", subscribed({ keys: undefined }), "subscription.keys"],
	["a short key", subscribed({ keys: { p256dh: "secret-a", auth: auth() } }), "subscription.keys.p256dh"],
	["a padded key", subscribed({ keys: { p256dh: `${p256dh}=`, auth: auth() } }), "subscription.keys.p256dh"],
	["a compressed point", subscribed({ keys: { p256dh: compressed, auth: auth() } }), "subscription.keys.p256dh"],
	["a point off the curve", subscribed({ keys: { p256dh: offCurve, auth: auth() } }), "subscription.keys.p256dh"],
	["a short secret", subscribed({ keys: { p256dh, auth: "secret-a" } }), "subscription.keys.auth"],
	["no URL", subscribed({ endpoint: "secret-a" }), "subscription.endpoint"],
	["a long URL", subscribed({ endpoint: `https://push.internal:8443/${"a".repeat(2_048)}` }), "subscription.endpoint"],
	[
		"a URL that is long when it is encoded",
		subscribed({ endpoint: `https://push.internal:8443/${"ä".repeat(1_000)}` }),
		"subscription.endpoint",
	],
	["no TLS", subscribed({ endpoint: "http://192.0.2.1/secret-a" }), "subscription.endpoint"],
	["a script", subscribed({ endpoint: "javascript:alert(1)" }), "subscription.endpoint"],
	["a file", subscribed({ endpoint: "file:///etc/passwd" }), "subscription.endpoint"],
	["this machine", subscribed({ endpoint: "https://127.0.0.1/secret-a" }), "subscription.endpoint"],
	["this machine as a number", subscribed({ endpoint: "https://2130706433/secret-a" }), "subscription.endpoint"],
	["this machine in IPv6", subscribed({ endpoint: "https://[::1]/secret-a" }), "subscription.endpoint"],
	["this machine by name", subscribed({ endpoint: "https://localhost/secret-a" }), "subscription.endpoint"],
	["the cloud's metadata", subscribed({ endpoint: "https://169.254.169.254/latest" }), "subscription.endpoint"],
	["a private network", subscribed({ endpoint: "https://10.0.0.1/secret-a" }), "subscription.endpoint"],
	["another port of an allowed host", subscribed({ endpoint: "https://push.internal:8444/secret-a" }), "subscription.endpoint"],
	["a user name", subscribed({ endpoint: "https://user:secret-a@push.internal:8443/" }), "subscription.endpoint"],
])("%s is refused with its path, and the answer does not repeat it", async (_what, device, path) => {
	const userId = await registerUser(node.calls);
	const { status, body } = await add(userId, device);
	expect({ status, body }).toMatchObject({
		status: 400,
		body: { error: { code: "VALIDATION_FAILED", details: expect.arrayContaining([expect.objectContaining({ path })]) } },
	});
	expect(JSON.stringify(body)).not.toContain("secret-");
	expect(await count(userId)).toBe(0);
});

test("a device is deleted by its owner only", async () => {
	const [owner, stranger] = [await registerUser(node.calls), await registerUser(node.calls)];
	const { body } = await add(owner, fcm());
	for (const [userId, id, status] of [
		[stranger, body.id, 404],
		[owner, randomUUID(), 404],
		[owner, "nonsense", 404],
		[owner, body.id?.toUpperCase(), 204],
		[owner, body.id, 404],
	] as const) {
		const headers = { Authorization: `Bearer ${await tokenOf(userId)}` };
		const response = await fetch(`${urlOf(node)}/notifications/devices/${id}`, { method: "DELETE", headers });
		await response.text();
		expect(response.status).toBe(status);
	}
	expect(await count(owner)).toBe(0);
});

test("a device is cleared by one of all who want to, and by another only a minute later", async () => {
	const userId = await registerUser(node.calls);
	const id = String((await add(userId, fcm())).body.id);
	const claims = await Promise.all(Array.from({ length: 8 }, () => claimClearing(db, id, Date.now())));
	expect(claims.filter(Boolean)).toHaveLength(1);
	await query(node.databaseUrl, "update devices set cleared_at = now() - interval '59 seconds' where id = $1", [id]);
	expect(await claimClearing(db, id, Date.now())).toBe(false);
	await query(node.databaseUrl, "update devices set cleared_at = now() - interval '60 seconds' where id = $1", [id]);
	expect(await claimClearing(db, id, Date.now())).toBe(true);
	await removeDevice(db, id);
	expect(await claimClearing(db, id, Date.now())).toBe(false);
});

test("devices and settings of an erased person go at once", async () => {
	const userId = await registerUser(node.calls);
	await add(userId, fcm());
	await turnOffEmail(db, userId);
	await node.calls.call("users.erase", { id: userId }, asPlatform);
	await until(async () => (await rowsOf(userId)) === 0);
});

test("when the event of an erasure was lost, the person is found and forgotten, among more people than a page has", async () => {
	await query(
		node.databaseUrl,
		`insert into notification_settings
			(user_id, in_app, email, push, quiet_enabled, quiet_start, quiet_end, digest_enabled, digest_window_minutes)
		select 'unregistered-' || i, true, true, true, false, '22:00', '07:00', false, 15 from generate_series(1, 1200) i`,
	);
	const [erased, active] = [await registerUser(node.calls), await registerUser(node.calls)];
	for (const userId of [erased, active]) await add(userId, fcm());
	await query(node.databaseUrl, "insert into unreachable_addresses (user_id, address) values ($1, 'a@example.org')", [erased]);
	await query(node.databaseUrl, "update users set deleted_at = now() where id = $1", [erased]);
	await Promise.all([forgetErased(db, callsOf(node.broker)), forgetErased(db, callsOf(other.broker))]);
	expect(await rowsOf(erased)).toBe(0);
	expect(await rowsOf(active)).toBe(1);
	expect(await query(node.databaseUrl, "select from notification_settings where user_id like 'unregistered-%'")).toHaveLength(0);
});

test("no token, key or URL of a device is in the logs", async () => {
	const userId = await registerUser(node.calls);
	const device = fcm();
	const { subscription } = webPush();
	await add(userId, device);
	await add(userId, { kind: "webpush", subscription });
	const log = [...node.log, ...other.log].join("\n");
	for (const secret of [device.token, subscription.endpoint, subscription.keys.auth, subscription.keys.p256dh]) {
		expect(log).not.toContain(secret);
	}
});

function subscribed(parts: object): object {
	const subscription = { endpoint: "https://push.internal:8443/", keys: { p256dh, auth: auth() }, ...parts };
	return { kind: "webpush", subscription };
}

function auth(): string {
	return randomBytes(16).toString("base64url");
}

async function add(userId: string, device: object, at: TestNode = node) {
	return request(at, await tokenOf(userId), "POST /notifications/devices", device);
}

async function list(userId: string) {
	return request(node, await tokenOf(userId), "GET /notifications/devices");
}

async function count(userId: string): Promise<number> {
	return (await query(node.databaseUrl, "select from devices where user_id = $1", [userId])).length;
}

async function rowsOf(userId: string): Promise<number> {
	const sql = `select from devices where user_id = $1 union all select from notification_settings where user_id = $1
		union all select from unreachable_addresses where user_id = $1`;
	return (await query(node.databaseUrl, sql, [userId])).length;
}
