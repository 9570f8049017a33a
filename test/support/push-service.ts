import { createECDH, createPublicKey, type ECDH, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { type JWTPayload, jwtVerify } from "jose";
import type { Device } from "../../services/notifier/channels/channel.ts";
import { makeCertificate, trust } from "./certificate.ts";
import { decryptPush } from "./decrypt-push.ts";

/** One push, as the browser would get it. */
export interface ReceivedPush {
	headers: IncomingHttpHeaders;
	/** After encryption. */
	sizeBytes: number;
	// biome-ignore lint/suspicious/noExplicitAny: JSON, which a test then compares.
	payload: any;
	/** Verified with the key in the request. */
	vapid: JWTPayload & { key: string };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A push service as browsers have one, over TLS unless `isPlain`. It decrypts what it gets. */
export interface PushService {
	/** What WEBPUSH_ALLOW must have. */
	host: string;
	origin: string;
	/** In the order of arrival. */
	pushes: ReceivedPush[];
	/** How many connections there were. */
	connections(): number;
	/** A new subscription of a browser. */
	subscribe(): Device;
	/** How requests are answered from now on. By default 201. */
	answerWith(answer: Answer): void;
	stop(): Promise<void>;
}

export async function startPushService({ isPlain = false } = {}): Promise<PushService> {
	const browsers = new Map<string, { keys: ECDH; auth: Buffer }>();
	const pushes: ReceivedPush[] = [];
	let connections = 0;
	let answer: Answer = (_, response) => response.writeHead(201).end();
	const receive = async (request: IncomingMessage, response: ServerResponse) => {
		const body = await buffer(request);
		const browser = browsers.get(request.url ?? "");
		if (browser) {
			pushes.push({
				headers: request.headers,
				sizeBytes: body.length,
				payload: JSON.parse(decryptPush(body, browser)),
				vapid: await verifyVapid(request.headers.authorization),
			});
		}
		answer(request, response);
	};
	const certificate = makeCertificate();
	const distrust = trust(certificate);
	const listener = (request: IncomingMessage, response: ServerResponse) => {
		receive(request, response).catch((error) => response.writeHead(500).end(String(error)));
	};
	const server = isPlain ? createHttpServer(listener) : createHttpsServer(certificate, listener);
	server.on("connection", () => connections++);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const host = `localhost:${(server.address() as AddressInfo).port}`;
	const origin = `${isPlain ? "http" : "https"}://${host}`;
	return {
		host,
		origin,
		pushes,
		connections: () => connections,
		subscribe() {
			const id = randomUUID();
			const keys = createECDH("prime256v1");
			keys.generateKeys();
			const auth = randomBytes(16);
			browsers.set(`/push/${id}`, { keys, auth });
			const forServer = { p256dh: keys.getPublicKey("base64url"), auth: auth.toString("base64url") };
			return { id, kind: "webpush", address: `${origin}/push/${id}`, keys: forServer };
		},
		answerWith(next) {
			answer = next;
		},
		async stop() {
			distrust();
			server.closeAllConnections();
			server.close();
			await once(server, "close");
		},
	};
}

/** RFC 8292 */
async function verifyVapid(authorization = ""): Promise<ReceivedPush["vapid"]> {
	const [, token = "", key = ""] = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(authorization) ?? [];
	const point = Buffer.from(key, "base64url");
	const jwk = { kty: "EC", crv: "P-256", x: point.toString("base64url", 1, 33), y: point.toString("base64url", 33, 65) };
	const { payload } = await jwtVerify(token, createPublicKey({ key: jwk, format: "jwk" }), { algorithms: ["ES256"] });
	return { ...payload, key };
}
