import { openApns } from "../../services/notifier/channels/apns.ts";
import { until } from "../../testing/until.ts";
import { apnsAnswer, startApnsServer } from "../support/apns-server.ts";
import { pushClearing, pushNotice } from "../support/push-notice.ts";
import { startSilentServer } from "../support/silent-server.ts";
import { useStarted } from "../support/use-started.ts";

const server = useStarted(startApnsServer, (started) => started.stop());
const settings = () => ({
	endpoint: server.endpoint,
	topic: server.topic,
	keyId: server.keyId,
	teamId: server.teamId,
	key: server.key,
});
const channel = useStarted(
	async () => openApns(settings(), 1_000),
	(started) => started.close(),
);
const device = { id: "1", kind: "apns" as const, address: "0f".repeat(32), keys: null };

beforeEach(() => {
	server.pushes.length = 0;
	server.answerWith(apnsAnswer(200));
});

test("Apple gets what the device shows, and how to treat it", async () => {
	const notice = pushNotice();
	expect(await channel.send(device, notice)).toEqual({ kind: "accepted" });
	const { title, body, badge, conversationId, seq, url, count } = notice;
	expect(server.pushes).toMatchObject([{ token: device.address }]);
	expect(server.pushes[0]?.payload).toEqual({
		aps: { alert: { title, body }, badge, sound: "default", "thread-id": conversationId },
		conversationId,
		seq,
		url,
		count,
	});
	expect(server.pushes[0]?.headers).toMatchObject({
		"apns-id": notice.id,
		"apns-topic": server.topic,
		"apns-push-type": "alert",
		"apns-priority": "10",
		"apns-collapse-id": notice.collapseKey,
	});
	const expiresIn = Number(server.pushes[0]?.headers["apns-expiration"]) - Date.now() / 1_000;
	expect(expiresIn).toBeGreaterThan(86_300);
	expect(expiresIn).toBeLessThanOrEqual(86_400);
});

test("a digest is a thread of its own", async () => {
	const notice = pushNotice({ conversationId: null, seq: null });
	await channel.send(device, notice);
	expect(server.pushes[0]?.payload).toMatchObject({ aps: { "thread-id": notice.collapseKey }, conversationId: null });
});

test("a clearing changes the badge and nothing else", async () => {
	expect(await channel.send(device, pushClearing(pushNotice()))).toEqual({ kind: "accepted" });
	expect(server.pushes[0]?.payload).toEqual({ aps: { badge: 3 } });
	expect(server.pushes[0]?.headers).not.toHaveProperty("apns-collapse-id");
});

test("a body that is too long is cut: Apple gets at most 4096 bytes", async () => {
	await channel.send(device, pushNotice({ body: "😀".repeat(8_000) }));
	const sizeBytes = Buffer.byteLength(JSON.stringify(server.pushes[0]?.payload));
	expect(sizeBytes).toBeGreaterThan(4_080);
	expect(sizeBytes).toBeLessThanOrEqual(4_096);
});

test.each([
	[400, "BadCollapseId", "refused"],
	[400, "BadDeviceToken", "gone"],
	[400, "BadExpirationDate", "refused"],
	[400, "BadMessageId", "refused"],
	[400, "BadPriority", "refused"],
	[400, "BadTopic", "refused"],
	[400, "DeviceTokenNotForTopic", "gone"],
	[400, "DuplicateHeaders", "refused"],
	[400, "IdleTimeout", "failed"],
	[400, "InvalidPushType", "refused"],
	[400, "MissingDeviceToken", "refused"],
	[400, "MissingTopic", "refused"],
	[400, "PayloadEmpty", "refused"],
	[400, "TopicDisallowed", "refused"],
	[403, "BadCertificate", "refused"],
	[403, "BadCertificateEnvironment", "refused"],
	[403, "ExpiredProviderToken", "failed"],
	[403, "Forbidden", "refused"],
	[403, "InvalidProviderToken", "refused"],
	[403, "MissingProviderToken", "refused"],
	[404, "BadPath", "refused"],
	[405, "MethodNotAllowed", "refused"],
	[410, "ExpiredToken", "gone"],
	[410, "Unregistered", "gone"],
	[413, "PayloadTooLarge", "refused"],
	[429, "TooManyProviderTokenUpdates", "failed"],
	[429, "TooManyRequests", "failed"],
	[500, "InternalServerError", "failed"],
	[503, "ServiceUnavailable", "failed"],
	[503, "Shutdown", "failed"],
])("%s %s: %s", async (status, reason, kind) => {
	server.answerWith(apnsAnswer(status, reason));
	const outcome = await channel.send(device, pushNotice());
	// node-apn replaces this reason by a text.
	expect(outcome).toEqual({ kind, reason: status === 500 ? "HTTP 500" : reason });
	expect(server.pushes).toHaveLength(1);
});

test.each([
	["a reason that is not a code", 400, "<script>\n".repeat(3), { kind: "refused", reason: "HTTP 400" }],
	["no body", 503, undefined, { kind: "failed", reason: "the connection failed" }],
])("an answer with %s shows the status alone", async (_, status, reason, outcome) => {
	server.answerWith(apnsAnswer(status, reason));
	expect(await channel.send(device, pushNotice())).toEqual(outcome);
});

test("after ExpiredProviderToken the next request has another token", async () => {
	server.answerWith(apnsAnswer(403, "ExpiredProviderToken"));
	await channel.send(device, pushNotice());
	server.answerWith(apnsAnswer(200));
	await channel.send(device, pushNotice());
	const [first, second] = server.pushes.map(({ headers }) => headers.authorization);
	expect(first).not.toBe(second);
});

test.each(["../../1/apps/x/channels", "0f\r\nx: y", "", "zz".repeat(32), "0f".repeat(300)])(
	"a token that cannot be one is not sent: %p",
	async (address) => {
		expect(await channel.send({ ...device, address }, pushNotice())).toEqual({ kind: "gone", reason: "BadDeviceToken" });
		expect(server.pushes).toEqual([]);
	},
);

test("many pushes at a time share one connection", async () => {
	await channel.send(device, pushNotice());
	const before = server.sessions.length;
	const outcomes = await Promise.all(Array.from({ length: 50 }, () => channel.send(device, pushNotice())));
	expect(outcomes).toEqual(Array(50).fill({ kind: "accepted" }));
	expect(server.sessions).toHaveLength(before);
});

test("after GOAWAY the next push opens another connection, and pushes in flight are answered", async () => {
	await channel.send(device, pushNotice());
	const before = server.sessions.length;
	server.answerWith((stream) => {
		stream.session?.goaway();
		apnsAnswer(200)(stream);
	});
	expect(await channel.send(device, pushNotice())).toEqual({ kind: "accepted" });
	server.answerWith(apnsAnswer(200));
	await until(async () => (await channel.send(device, pushNotice())).kind === "accepted" && server.sessions.length > before);
});

test("when the server dies with pushes in flight, they fail, and the next push opens another connection", async () => {
	server.answerWith((stream) => stream.session?.destroy());
	const outcomes = await Promise.all([1, 2, 3].map(() => channel.send(device, pushNotice())));
	expect(outcomes.map(({ kind }) => kind)).toEqual(["failed", "failed", "failed"]);
	server.answerWith(apnsAnswer(200));
	await until(async () => (await channel.send(device, pushNotice())).kind === "accepted");
});

test("a connection on which nothing arrives any more is dropped, and the next push opens another one", async () => {
	await channel.send(device, pushNotice());
	const before = server.sessions.length;
	server.answerWith(() => {});
	const waiting = [1, 2, 3].map(() => channel.send(device, pushNotice()));
	expect(await Promise.race(waiting)).toEqual({ kind: "failed", reason: "no answer in time" });
	server.answerWith(apnsAnswer(200));
	expect(await channel.send(device, pushNotice())).toEqual({ kind: "accepted" });
	await Promise.all(waiting);
	expect(await channel.send(device, pushNotice())).toEqual({ kind: "accepted" });
	expect(server.sessions.length).toBe(before + 1);
	await until(() => server.sessions[before - 1]?.destroyed);
});

test("an answer that arrives bit by bit and never ends is given up in time", async () => {
	server.answerWith((stream) => {
		stream.respond({ ":status": 200 });
		const timer = setInterval(() => stream.write(" "), 50);
		stream.on("close", () => clearInterval(timer));
	});
	const quick = openApns(settings(), 200);
	expect(await quick.send(device, pushNotice())).toMatchObject({ kind: "failed" });
	await quick.close();
});

test("a server that accepts connections and says nothing is given up in time, and closing does not wait for it", async () => {
	const silent = await startSilentServer();
	const toSilent = openApns({ ...settings(), endpoint: `https://localhost:${silent.port}` }, 300);
	try {
		expect(await toSilent.send(device, pushNotice())).toEqual({ kind: "failed", reason: "no answer in time" });
		const second = toSilent.send(device, pushNotice());
		await until(() => silent.connections.length === 2);
		await toSilent.close();
		expect(await second).toMatchObject({ kind: "failed" });
		await until(() => silent.connections.every((socket) => socket.destroyed));
	} finally {
		await silent.stop();
	}
});

test.each([
	["a port where nobody listens", () => "https://localhost:1", "ECONNREFUSED"],
	["a host of another certificate", () => server.endpoint.replace("localhost", "127.0.0.1"), "ERR_TLS_CERT_ALTNAME_INVALID"],
])("%s is a failure that names the code", async (_, endpoint, reason) => {
	const failing = openApns({ ...settings(), endpoint: endpoint() }, 1_000);
	expect(await failing.send(device, pushNotice())).toEqual({ kind: "failed", reason });
	await failing.close();
});

test("a key of another team is refused", async () => {
	const other = openApns({ ...settings(), teamId: "OTHERTEAM1" }, 1_000);
	expect(await other.send(device, pushNotice())).toEqual({ kind: "refused", reason: "InvalidProviderToken" });
	await other.close();
	expect(server.pushes).toEqual([]);
});
