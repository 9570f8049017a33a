import type { IncomingMessage, ServerResponse } from "node:http";
import webPush from "web-push";
import { readConfig } from "../../lib/config/config.ts";
import { openPushChannels } from "../../services/notifier/channels/open-channels.ts";
import { checkPushUrl } from "../../services/notifier/channels/safe-address.ts";
import { openWebPush } from "../../services/notifier/channels/web-push.ts";
import { until } from "../../testing/until.ts";
import { pushClearing, pushNotice } from "../support/push-notice.ts";
import { startPushService } from "../support/push-service.ts";
import { startSilentServer } from "../support/silent-server.ts";
import { useStarted } from "../support/use-started.ts";

const vapid = { ...webPush.generateVAPIDKeys(), subject: "mailto:ops@example.org" };
const service = useStarted(
	() => startPushService(),
	(started) => started.stop(),
);
const channel = useStarted(
	async () => openWebPush({ vapid, allow: [service.host] }),
	(started) => started.close(),
);

beforeEach(() => {
	service.pushes.length = 0;
	service.answerWith((_, response) => response.writeHead(201).end());
});

test("the browser reads what the notice says, and the push service learns how to treat it, but not what it says", async () => {
	const notice = pushNotice();
	expect(await channel.send(service.subscribe(), notice)).toEqual({ kind: "accepted" });
	const [push] = service.pushes;
	const { collapseKey, ...shown } = notice;
	expect(push?.payload).toEqual({ ...shown, tag: collapseKey });
	expect(push?.headers).toMatchObject({ topic: collapseKey, ttl: "86400", urgency: "high", "content-encoding": "aes128gcm" });
	expect(JSON.stringify(push?.headers)).not.toContain(notice.title);
});

test("requests are signed with our key, for this push service, for at most 24 hours", async () => {
	await channel.send(service.subscribe(), pushNotice());
	const claims = service.pushes[0]?.vapid;
	expect(claims).toMatchObject({ aud: service.origin, sub: vapid.subject, key: vapid.publicKey });
	expect(claims?.exp).toBeGreaterThan(Date.now() / 1_000);
	expect(claims?.exp).toBeLessThanOrEqual(Date.now() / 1_000 + 24 * 3_600);
});

test("a body that is too long for push services is cut: they get at most 4096 bytes", async () => {
	const notice = pushNotice({ body: '😀"'.repeat(8_000) });
	expect(await channel.send(service.subscribe(), notice)).toEqual({ kind: "accepted" });
	const [push] = service.pushes;
	expect(push?.sizeBytes).toBeGreaterThan(4_050);
	expect(push?.sizeBytes).toBeLessThanOrEqual(4_096);
	expect(push?.payload.body).toMatch(/^(😀")+😀?…$/u);
});

test.each([
	[201, {}, { kind: "accepted" }],
	[200, {}, { kind: "accepted" }],
	[404, {}, { kind: "gone", reason: "HTTP 404" }],
	[410, {}, { kind: "gone", reason: "HTTP 410" }],
	[400, {}, { kind: "refused", reason: "HTTP 400" }],
	[401, {}, { kind: "refused", reason: "HTTP 401: the push service refuses our VAPID keys" }],
	[403, {}, { kind: "refused", reason: "HTTP 403: the push service refuses our VAPID keys" }],
	[413, {}, { kind: "refused", reason: "HTTP 413" }],
	[429, { "Retry-After": "90" }, { kind: "failed", reason: "HTTP 429", retryAfterMs: 90_000 }],
	[429, { "Retry-After": "86400" }, { kind: "failed", reason: "HTTP 429", retryAfterMs: 3_600_000 }],
	[500, {}, { kind: "failed", reason: "HTTP 500" }],
	[502, {}, { kind: "failed", reason: "HTTP 502" }],
	[503, { "Retry-After": "x" }, { kind: "failed", reason: "HTTP 503" }],
])("an answer %s %p means %p, and what else the answer says is not repeated", async (status, headers, outcome) => {
	service.answerWith((_, response) => response.writeHead(status, headers).end("<b>forged reason</b>"));
	expect(await channel.send(service.subscribe(), pushNotice())).toEqual(outcome);
});

test("keys that are not keys of a browser are refused, and nothing is sent", async () => {
	const device = service.subscribe();
	const p256dh = Buffer.alloc(65, 4).toString("base64url");
	for (const keys of [null, { p256dh, auth: "AAAAAAAAAAAAAAAAAAAAAA" }, { p256dh: "x", auth: "x" }, { p256dh: "", auth: "" }])
		expect(await channel.send({ ...device, keys }, pushNotice())).toMatchObject({ kind: "refused" });
	expect(service.pushes).toEqual([]);
});

test("a push cannot be taken away: this is refused, and nothing is sent", async () => {
	expect(await channel.send(service.subscribe(), pushClearing(pushNotice()))).toMatchObject({ kind: "refused" });
	expect(service.pushes).toEqual([]);
});

test("one connection serves many pushes", async () => {
	await channel.send(service.subscribe(), pushNotice());
	const before = service.connections();
	for (let count = 0; count < 5; count++) await channel.send(service.subscribe(), pushNotice());
	expect(service.connections()).toBe(before);
});

test("push services named in WEBPUSH_ALLOW may do without TLS; others may not", async () => {
	const plain = await startPushService({ isPlain: true });
	const allowing = openWebPush({ vapid, allow: [plain.host] });
	try {
		expect(await allowing.send(plain.subscribe(), pushNotice())).toEqual({ kind: "accepted" });
		expect(await channel.send(plain.subscribe(), pushNotice())).toEqual({
			kind: "refused",
			reason: "the address must be an https URL",
		});
		expect(plain.pushes).toHaveLength(1);
	} finally {
		await allowing.close();
		await plain.stop();
	}
});

test("redirects are refused, wherever they lead", async () => {
	const target = await startPushService();
	try {
		for (const status of [301, 302, 303, 307, 308]) {
			service.answerWith((_, response) => response.writeHead(status, { Location: target.subscribe().address }).end());
			const outcome = await channel.send(service.subscribe(), pushNotice());
			expect(outcome).toEqual({ kind: "refused", reason: `HTTP ${status}` });
		}
		expect(target.connections()).toBe(0);
	} finally {
		await target.stop();
	}
});

describe("a push service in our own network", () => {
	const addressOf = (host: string) => service.subscribe().address.replace("localhost", host);

	test.each(["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"])(
		"is not connected to by its address %s",
		async (host) => {
			const guarded = openWebPush({ vapid, allow: [] });
			const before = service.connections();
			try {
				const outcome = await guarded.send({ ...service.subscribe(), address: addressOf(host) }, pushNotice());
				expect(outcome).toEqual({ kind: "refused", reason: "the address must not be a private address" });
				expect(service.connections()).toBe(before);
			} finally {
				await guarded.close();
			}
		},
	);

	test("is not connected to by a name that was public when the device was registered", async () => {
		const answers = [["93.184.215.14"], ["127.0.0.1"]];
		const resolve = async () => answers.shift() ?? [];
		const address = addressOf("rebinding.example.org");
		const guarded = openWebPush({ vapid, allow: [] }, { resolve });
		const before = service.connections();
		try {
			expect(await checkPushUrl(address, [], resolve)).toBeNull();
			const outcome = await guarded.send({ ...service.subscribe(), address }, pushNotice());
			expect(outcome).toEqual({ kind: "refused", reason: "the address must not be a private address" });
			expect(answers).toEqual([]);
			expect(service.connections()).toBe(before);
		} finally {
			await guarded.close();
		}
	});

	test("is not connected to by a name with a public and a private address", async () => {
		const guarded = openWebPush({ vapid, allow: [] }, { resolve: async () => ["93.184.215.14", "127.0.0.1"] });
		const before = service.connections();
		try {
			const device = { ...service.subscribe(), address: addressOf("both.example.org") };
			expect(await guarded.send(device, pushNotice())).toMatchObject({ kind: "refused" });
			expect(service.connections()).toBe(before);
		} finally {
			await guarded.close();
		}
	});
});

describe("when a push service fails", () => {
	const quick = useStarted(
		async () => openWebPush({ vapid, allow: [service.host, "localhost:1"] }, { timeoutMs: 500 }),
		(started) => started.close(),
	);

	test("a name that cannot be resolved, and a port where nobody listens, are failures", async () => {
		const device = service.subscribe();
		const resolve = async () => Promise.reject(Object.assign(new Error("no such host"), { code: "ENOTFOUND" }));
		const guarded = openWebPush({ vapid, allow: [] }, { resolve });
		expect(await guarded.send({ ...device, address: "https://gone.example.org/1" }, pushNotice())).toEqual({
			kind: "failed",
			reason: "ENOTFOUND",
		});
		await guarded.close();
		expect(await quick.send({ ...device, address: "https://localhost:1/" }, pushNotice())).toEqual({
			kind: "failed",
			reason: "ECONNREFUSED",
		});
	});

	test("an answer that does not come is given up in time, before and after TLS", async () => {
		const silent = await startSilentServer();
		const host = `localhost:${silent.port}`;
		const toSilent = openWebPush({ vapid, allow: [host] }, { timeoutMs: 300 });
		try {
			const device = service.subscribe();
			const noAnswer = { kind: "failed", reason: "no answer in time" };
			expect(await toSilent.send({ ...device, address: `https://${host}/` }, pushNotice())).toEqual(noAnswer);
			service.answerWith(() => {});
			expect(await quick.send(device, pushNotice())).toEqual(noAnswer);
			await until(() => silent.connections.every((socket) => socket.destroyed));
		} finally {
			await toSilent.close();
			await silent.stop();
		}
	});

	test.each([
		["never ends", (response: ServerResponse) => drip(response)],
		["breaks in the middle", (response: ServerResponse) => response.write("x", () => response.destroy())],
	])("the status counts when the body of the answer %s", async (_, body) => {
		service.answerWith((_request: IncomingMessage, response: ServerResponse) => {
			response.writeHead(410);
			body(response);
		});
		expect(await quick.send(service.subscribe(), pushNotice())).toEqual({ kind: "gone", reason: "HTTP 410" });
	});

	test("a connection that breaks before the status is a failure, and the next push works", async () => {
		service.answerWith((request) => request.socket.destroy());
		expect(await quick.send(service.subscribe(), pushNotice())).toEqual({ kind: "failed", reason: "ECONNRESET" });
		service.answerWith((_, response) => response.writeHead(201).end());
		expect(await quick.send(service.subscribe(), pushNotice())).toEqual({ kind: "accepted" });
	});

	test("a certificate for another host is a failure that names the code", async () => {
		const host = service.host.replace("localhost", "127.0.0.1");
		const mistrusting = openWebPush({ vapid, allow: [host] });
		const device = service.subscribe();
		const address = device.address.replace("localhost", "127.0.0.1");
		expect(await mistrusting.send({ ...device, address }, pushNotice())).toEqual({
			kind: "failed",
			reason: "ERR_TLS_CERT_ALTNAME_INVALID",
		});
		await mistrusting.close();
		expect(service.pushes).toEqual([]);
	});

	test("an endless answer is left after its beginning", async () => {
		let sentBytes = 0;
		const closed = Promise.withResolvers<void>();
		service.answerWith((_, response) => {
			response.writeHead(201).on("close", closed.resolve);
			const write = () => {
				sentBytes += 64_000;
				response.write("x".repeat(64_000), (error) => error ?? write());
			};
			write();
		});
		expect(await channel.send(service.subscribe(), pushNotice())).toEqual({ kind: "accepted" });
		await closed.promise;
		// What the buffers of both sides take.
		expect(sentBytes).toBeLessThan(20_000_000);
	});
});

test("closing ends the connections", async () => {
	const own = await startPushService();
	const closing = openWebPush({ vapid, allow: [own.host] });
	const sockets: IncomingMessage["socket"][] = [];
	own.answerWith((request, response) => {
		sockets.push(request.socket);
		response.writeHead(201).end();
	});
	await closing.send(own.subscribe(), pushNotice());
	expect(sockets[0]?.destroyed).toBe(false);
	await closing.close();
	await until(() => sockets[0]?.destroyed);
	await own.stop();
});

test("with VAPID settings web push is on", async () => {
	const { publicKey, privateKey, subject } = vapid;
	const env = { VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey, VAPID_SUBJECT: subject, WEBPUSH_ALLOW: service.host };
	const lines: string[] = [];
	const { webpush } = await openPushChannels(readConfig(env), { info: (line: string) => lines.push(line) });
	expect(await webpush?.send(service.subscribe(), pushNotice())).toEqual({ kind: "accepted" });
	await webpush?.close();
	expect(lines.join()).not.toContain("webpush");
});

/** Writes again and again, until the client hangs up. */
function drip(response: ServerResponse): void {
	const timer = setInterval(() => response.write("x"), 20);
	response.on("close", () => clearInterval(timer));
}
