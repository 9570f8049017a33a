import { createPrivateKey } from "node:crypto";
import { openFcm } from "../../services/notifier/channels/fcm.ts";
import { until } from "../../testing/until.ts";
import { fcmError, startFcmServer } from "../support/fcm-server.ts";
import { pushClearing, pushNotice } from "../support/push-notice.ts";
import { startSilentServer } from "../support/silent-server.ts";
import { useStarted } from "../support/use-started.ts";

const server = useStarted(startFcmServer, (started) => started.stop());
const settings = () => ({
	endpoint: server.endpoint,
	projectId: String(server.credentials.project_id),
	clientEmail: String(server.credentials.client_email),
	keyId: server.credentials.private_key_id,
	privateKey: createPrivateKey(String(server.credentials.private_key)),
	tokenUri: String(server.credentials.token_uri),
});
const channel = useStarted(
	async () => openFcm(settings(), 1_000),
	(started) => started.close(),
);
const device = { id: "1", kind: "fcm" as const, address: "dGVzdA:APA91b-token", keys: null };
const accepted = { kind: "accepted" };

beforeEach(() => {
	server.messages.length = 0;
	server.answerWith((response) => response.end("{}"));
});

test("FCM gets what the device shows, what the app needs to open it, and how to treat it", async () => {
	const notice = pushNotice();
	expect(await channel.send(device, notice)).toEqual(accepted);
	const { kind, id, title, body, conversationId, url, collapseKey } = notice;
	expect(server.messages).toEqual([
		{
			token: device.address,
			notification: { title, body },
			data: { kind, id, conversationId, seq: "42", url, count: "2", badge: "5", tag: collapseKey },
			android: { collapse_key: collapseKey, priority: "HIGH", ttl: "86400s", notification: { tag: collapseKey } },
		},
	]);
});

test("a digest has no conversation", async () => {
	await channel.send(device, pushNotice({ conversationId: null, seq: null }));
	expect(server.messages[0].data).not.toHaveProperty("conversationId");
	expect(server.messages[0].data).not.toHaveProperty("seq");
});

test("a clearing is for the app alone: it has data and shows nothing", async () => {
	const clearing = pushClearing(pushNotice());
	expect(await channel.send(device, clearing)).toEqual(accepted);
	const { kind, id, conversationId, collapseKey: tag } = clearing;
	expect(server.messages[0].data).toEqual({ kind, id, conversationId, badge: "3", tag });
	expect(server.messages[0]).not.toHaveProperty("notification");
	expect(server.messages[0].android).toEqual({ collapse_key: tag, priority: "NORMAL", ttl: "86400s" });
});

test("a body that is too long is cut: FCM gets at most 4096 bytes", async () => {
	await channel.send(device, pushNotice({ body: "😀".repeat(8_000) }));
	const { notification, data } = server.messages[0];
	const sizeBytes = Buffer.byteLength(JSON.stringify({ notification, data }));
	expect(sizeBytes).toBeGreaterThan(3_800);
	expect(sizeBytes).toBeLessThanOrEqual(4_096);
});

const gone = (reason: string) => ({ kind: "gone", reason });
const refused = (reason: string) => ({ kind: "refused", reason });
const failed = (reason: string) => ({ kind: "failed", reason });

test.each([
	[404, "NOT_FOUND", { errorCode: "UNREGISTERED" }, gone("UNREGISTERED")],
	[404, "NOT_FOUND", {}, refused("NOT_FOUND")],
	[403, "PERMISSION_DENIED", { errorCode: "SENDER_ID_MISMATCH" }, gone("SENDER_ID_MISMATCH")],
	[403, "PERMISSION_DENIED", {}, refused("PERMISSION_DENIED")],
	[400, "INVALID_ARGUMENT", { errorCode: "INVALID_ARGUMENT", field: "message.token" }, gone("INVALID_ARGUMENT: token")],
	[
		400,
		"INVALID_ARGUMENT",
		{ errorCode: "INVALID_ARGUMENT", message: "The registration token is not a valid FCM registration token" },
		gone("INVALID_ARGUMENT: token"),
	],
	[400, "INVALID_ARGUMENT", { errorCode: "INVALID_ARGUMENT", field: "message.data" }, refused("INVALID_ARGUMENT")],
	[401, "UNAUTHENTICATED", { errorCode: "THIRD_PARTY_AUTH_ERROR" }, refused("THIRD_PARTY_AUTH_ERROR")],
	[401, "UNAUTHENTICATED", {}, failed("UNAUTHENTICATED")],
	[429, "RESOURCE_EXHAUSTED", { errorCode: "QUOTA_EXCEEDED" }, failed("QUOTA_EXCEEDED")],
	[500, "INTERNAL", { errorCode: "INTERNAL" }, failed("INTERNAL")],
	[503, "UNAVAILABLE", { errorCode: "UNAVAILABLE" }, failed("UNAVAILABLE")],
])("%s %s %p means %p", async (status, code, details, outcome) => {
	server.answerWith(fcmError(status, code, details));
	expect(await channel.send(device, pushNotice())).toEqual(outcome);
});

test.each([
	[503, "<html>busy</html>", failed("HTTP 503")],
	[404, "", refused("HTTP 404")],
	[403, '{"error":{"status":"<script>"}}', refused("HTTP 403")],
	[302, "", refused("HTTP 302")],
])("an answer %s that is not an error of FCM (%p) counts by its status", async (status, body, outcome) => {
	server.answerWith((response) => response.writeHead(status, { Location: `${server.endpoint}/token` }).end(body));
	expect(await channel.send(device, pushNotice())).toEqual(outcome);
});

test("FCM says when to try again", async () => {
	server.answerWith((response) => {
		response.setHeader("Retry-After", "45");
		fcmError(429, "RESOURCE_EXHAUSTED", { errorCode: "QUOTA_EXCEEDED" })(response);
	});
	expect(await channel.send(device, pushNotice())).toEqual({ ...failed("QUOTA_EXCEEDED"), retryAfterMs: 45_000 });
});

describe("the access token", () => {
	test("is asked for once, also by many pushes at a time", async () => {
		const fresh = openFcm(settings(), 1_000);
		const before = server.tokens.length;
		expect(await Promise.all(Array.from({ length: 20 }, () => fresh.send(device, pushNotice())))).toEqual(
			Array(20).fill(accepted),
		);
		expect(server.tokens).toHaveLength(before + 1);
		await fresh.close();
	});

	test("is asked for anew after it was revoked", async () => {
		await channel.send(device, pushNotice());
		server.revoke();
		expect(await channel.send(device, pushNotice())).toEqual(failed("UNAUTHENTICATED"));
		expect(await channel.send(device, pushNotice())).toEqual(accepted);
	});

	test("is not used any more shortly before it ends", async () => {
		const own = await startFcmServer();
		const short = openFcm({ ...settings(), ...ofServer(own) }, 1_000);
		let asked = 0;
		own.answerTokensWith((response) => response.end(JSON.stringify({ access_token: `short-${asked++}`, expires_in: 59 })));
		await short.send(device, pushNotice());
		await short.send(device, pushNotice());
		expect(asked).toBe(2);
		await short.close();
		await own.stop();
	});

	test.each([
		[400, '{"error":"invalid_grant"}', refused("no access token: HTTP 400")],
		[401, "", refused("no access token: HTTP 401")],
		[500, "", failed("no access token: HTTP 500")],
		[200, "<html>", failed("no access token in the answer")],
	])("is refused with %s %p: %p", async (status, body, outcome) => {
		const own = await startFcmServer();
		const refusing = openFcm({ ...settings(), ...ofServer(own) }, 1_000);
		own.answerTokensWith((response) => response.writeHead(status).end(body));
		expect(await refusing.send(device, pushNotice())).toEqual(outcome);
		await refusing.close();
		await own.stop();
	});

	test("of an account with another key is refused", async () => {
		const other = await startFcmServer();
		const { privateKey } = { ...settings(), privateKey: createPrivateKey(String(other.credentials.private_key)) };
		const forged = openFcm({ ...settings(), privateKey }, 1_000);
		expect(await forged.send(device, pushNotice())).toEqual(refused("no access token: HTTP 400"));
		await forged.close();
		await other.stop();
	});
});

describe("when Google fails", () => {
	test("a server that accepts connections and says nothing is given up in time", async () => {
		const silent = await startSilentServer();
		const url = `http://127.0.0.1:${silent.port}`;
		const noToken = openFcm({ ...settings(), tokenUri: `${url}/token` }, 200);
		const noSend = openFcm({ ...settings(), endpoint: url }, 200);
		expect(await noToken.send(device, pushNotice())).toEqual(failed("no answer in time"));
		expect(await noSend.send(device, pushNotice())).toEqual(failed("no answer in time"));
		await until(() => silent.connections.length === 2 && silent.connections.every((socket) => socket.destroyed));
		await Promise.all([noToken.close(), noSend.close()]);
		await silent.stop();
	});

	test("a connection that breaks is a failure, and the next push works", async () => {
		server.answerWith((response) => response.destroy());
		expect(await channel.send(device, pushNotice())).toEqual(failed("ECONNRESET"));
		server.answerWith((response) => response.end("{}"));
		expect(await channel.send(device, pushNotice())).toEqual(accepted);
	});

	test("a port where nobody listens is a failure that names the code", async () => {
		const failing = openFcm({ ...settings(), endpoint: "http://127.0.0.1:1" }, 1_000);
		expect(await failing.send(device, pushNotice())).toEqual(failed("ECONNREFUSED"));
		await failing.close();
	});
});

function ofServer({ endpoint, credentials }: typeof server) {
	return {
		endpoint,
		tokenUri: String(credentials.token_uri),
		privateKey: createPrivateKey(String(credentials.private_key)),
	};
}
