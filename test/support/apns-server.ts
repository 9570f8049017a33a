import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { jwtVerify } from "jose";
import { makeCertificate, trust } from "./certificate.ts";

export interface ReceivedByApns {
	token: string;
	headers: IncomingHttpHeaders;
	// biome-ignore lint/suspicious/noExplicitAny: JSON, which a test then compares.
	payload: any;
}

type Answer = (stream: ServerHttp2Stream) => void;

/** Apple's push service, for one app: over HTTP/2 with provider tokens, which it verifies. */
export interface ApnsServer {
	endpoint: string;
	/** The signing key (.p8). */
	key: string;
	keyId: string;
	teamId: string;
	topic: string;
	/** In the order of arrival. */
	pushes: ReceivedByApns[];
	/** All connections that were opened. */
	sessions: ServerHttp2Session[];
	/** How requests with a valid token are answered from now on. By default 200. */
	answerWith(answer: Answer): void;
	stop(): Promise<void>;
}

/** An answer as Apple documents it. */
export function apnsAnswer(status: number, reason?: string): Answer {
	return (stream) => {
		stream.respond({ ":status": status });
		stream.end(reason === undefined ? "" : JSON.stringify({ reason }));
	};
}

export async function startApnsServer(): Promise<ApnsServer> {
	const app = { keyId: "KEY1234567", teamId: "TEAM123456", topic: "org.example.parley" };
	const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const pushes: ReceivedByApns[] = [];
	const sessions: ServerHttp2Session[] = [];
	const ok = apnsAnswer(200);
	let answer = ok;

	async function receive(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
		const [, token = ""] = /^\/3\/device\/([0-9a-f]+)$/i.exec(headers[":path"] ?? "") ?? [];
		const payload = await json(stream);
		const bearer = (headers.authorization ?? "").replace(/^bearer /, "");
		const { protectedHeader } = await jwtVerify(bearer, publicKey, { algorithms: ["ES256"], issuer: app.teamId });
		if (protectedHeader.kid !== app.keyId) throw new Error("The key's id is wrong.");
		pushes.push({ token, headers, payload });
		answer(stream);
	}

	const certificate = makeCertificate();
	const distrust = trust(certificate);
	const server = createSecureServer(certificate);
	server.on("session", (session) => sessions.push(session.on("error", () => {})));
	server.on("stream", (stream, headers) => {
		stream.on("error", () => {});
		receive(stream, headers).catch(() => {
			if (!stream.destroyed) apnsAnswer(403, "InvalidProviderToken")(stream);
		});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return {
		...app,
		endpoint: `https://localhost:${(server.address() as AddressInfo).port}`,
		key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
		pushes,
		sessions,
		answerWith(next) {
			answer = next;
		},
		async stop() {
			distrust();
			for (const session of sessions) session.destroy();
			server.close();
			await once(server, "close");
		},
	};
}
