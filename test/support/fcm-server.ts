import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json, text } from "node:stream/consumers";
import { jwtVerify } from "jose";
import { makeServiceAccount } from "../../testing/service-account.ts";

type Answer = (response: ServerResponse) => void;

/** Firebase Cloud Messaging, and the server of access tokens, for one project. It verifies what it gets. */
export interface FcmServer {
	endpoint: string;
	/** The service account's key, as it is in its file. */
	credentials: Record<string, string>;
	/** The messages that came with a valid access token. */
	// biome-ignore lint/suspicious/noExplicitAny: JSON, which a test then compares.
	messages: any[];
	/** All access tokens that were given. */
	tokens: string[];
	/** Access tokens that were given until now are not valid any more. */
	revoke(): void;
	/** How messages with a valid access token are answered from now on. By default 200. */
	answerWith(answer: Answer): void;
	/** How requests for access tokens are answered from now on, instead of giving one. */
	answerTokensWith(answer: Answer): void;
	stop(): Promise<void>;
}

/** An error in the form that Google's APIs have. */
export function fcmError(code: number, status: string, { errorCode, field, message = "" }: ErrorDetails = {}): Answer {
	const details = [
		...(errorCode ? [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode }] : []),
		...(field ? [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field, description: "" }] }] : []),
	];
	return (response) => respond(response, code, { error: { code, message, status, details } });
}

interface ErrorDetails {
	errorCode?: string;
	field?: string;
	message?: string;
}

export async function startFcmServer(): Promise<FcmServer> {
	const messages: unknown[] = [];
	const tokens: string[] = [];
	let valid = new Set<string>();
	let answer: Answer = (response) => respond(response, 200, { name: "projects/parley-test/messages/1" });
	let answerToken: Answer = (response) => {
		const token = `ya29.${randomUUID()}`;
		tokens.push(token);
		valid.add(token);
		respond(response, 200, { access_token: token, expires_in: 3_599, token_type: "Bearer" });
	};

	async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
		if (request.url === "/token") {
			const form = new URLSearchParams(await text(request));
			await jwtVerify(form.get("assertion") ?? "", publicKey, {
				algorithms: ["RS256"],
				issuer: credentials.client_email,
				audience: credentials.token_uri,
			});
			return answerToken(response);
		}
		const isKnown = valid.has((request.headers.authorization ?? "").replace(/^Bearer /, ""));
		if (request.url !== "/v1/projects/parley-test/messages:send") return fcmError(404, "NOT_FOUND")(response);
		const body = (await json(request)) as { message: unknown };
		if (!isKnown) return fcmError(401, "UNAUTHENTICATED")(response);
		messages.push(body.message);
		answer(response);
	}

	const server = createServer((request, response) => {
		receive(request, response).catch(() => respond(response, 400, { error: "invalid_grant" }));
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const { credentials, publicKey } = makeServiceAccount("parley-test", `${endpoint}/token`);
	return {
		endpoint,
		credentials,
		messages,
		tokens,
		revoke() {
			valid = new Set();
		},
		answerWith(next) {
			answer = next;
		},
		answerTokensWith(next) {
			answerToken = next;
		},
		async stop() {
			server.closeAllConnections();
			server.close();
			await once(server, "close");
		},
	};
}

function respond(response: ServerResponse, status: number, body: unknown): void {
	response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
