import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type BrokerOptions, type Middleware, ServiceBroker, type ServiceSchema } from "moleculer";
import { io, type Socket } from "socket.io-client";
import { readConfig } from "../../lib/config/config.ts";
import { type Role, signToken } from "../../lib/token.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { type Calls, callsOf } from "../../services/contracts.ts";
import conversations from "../../services/conversations/conversations.service.ts";
import applications from "../../services/directory/applications.service.ts";
import users from "../../services/directory/users.service.ts";
import gateway from "../../services/gateway/gateway.service.ts";
import messages from "../../services/messages/messages.service.ts";
import presence from "../../services/presence/presence.service.ts";

/** A node whose limits are the test's. Without a gateway it has no `url`. */
export interface LimitedNode {
	broker: ServiceBroker;
	calls: Calls;
	url: string;
	log: string[];
}

const secret = "the secret of the tests, which is long enough";
const all = Object.fromEntries(
	["MESSAGES", "CONVERSATIONS", "QUERIES", "UPLOADS", "CONFIRMS"].map((name) => [`RATE_LIMIT_${name}`, "off"]),
);

export const actors = [applications, users, conversations, messages, presence];
export { gateway };

/** The limits of users are off unless `env` says otherwise. */
export async function startLimited(
	databaseUrl: string,
	env: Record<string, string> = {},
	services: ServiceSchema[] = [...actors, gateway],
	options: BrokerOptions = {},
): Promise<LimitedNode> {
	const config = readConfig({ HOST: "127.0.0.1", PORT: "0", DATABASE_URL: databaseUrl, JWT_SECRET: secret, ...all, ...env });
	const log: string[] = [];
	const usual = brokerOptions({ ...config, databaseUrl });
	const recorder: Middleware = { newLogEntry: (level: string, args: unknown[]) => void log.push(`${level} ${args.join(" ")}`) };
	const middlewares = [...(usual.middlewares ?? []), recorder];
	const broker = new ServiceBroker({ ...usual, middlewares, nodeID: randomUUID(), logger: false, ...options });
	for (const schema of services) broker.createService(schema);
	await broker.start();
	const web = broker.services.find(({ name }) => name === "gateway") as unknown as { server: Server } | undefined;
	const url = web ? `http://127.0.0.1:${(web.server.address() as AddressInfo).port}` : "";
	return { broker, calls: callsOf(broker), url, log };
}

export function tokenOf(sub: string, role: Role = "user", ttlSeconds = 3_600): Promise<string> {
	return signToken({ sub, role, ttlSeconds, jwt: { secret } });
}

/** Two new people with a conversation, which counts as made by the applicant if conversations are limited. */
export async function openConversation({ calls }: LimitedNode) {
	const [applicantId, employerId, id] = [`user-${randomUUID()}`, `user-${randomUUID()}`, `application-${randomUUID()}`];
	const platform = { meta: { user: { id: "platform", role: "platform" as const } } };
	for (const userId of [applicantId, employerId]) await calls.call("users.put", { id: userId, name: "Somebody" }, platform);
	await calls.call("applications.put", { id, applicantId, employerId, jobTitle: "Cook", status: "NEW" }, platform);
	const meta = { user: { id: applicantId, role: "user" as const } };
	const conversation = await calls.call("conversations.create", { jobApplicationId: id }, { meta });
	return { conversationId: conversation.id, applicantId, employerId, jobApplicationId: id };
}

export interface Answer {
	status: number;
	headers: Headers;
	body: { error?: { code: string; details?: unknown }; id?: string };
}

export async function request(
	node: LimitedNode,
	token: string | undefined,
	route: string,
	body?: object,
	headers: Record<string, string> = {},
): Promise<Answer> {
	const [method = "GET", path = "/"] = route.split(" ");
	const response = await fetch(node.url + path, {
		method,
		headers: {
			...(token !== undefined && { Authorization: `Bearer ${token}` }),
			...(body && { "Content-Type": "application/json" }),
			...headers,
		},
		...(body && { body: JSON.stringify(body) }),
	});
	return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
}

/** What the headers say: limit, remaining, seconds until the reset. */
export function quotaOf({ headers }: Answer): (number | undefined)[] {
	const numbers = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"].map((name) => headers.get(name));
	return numbers.map((value) => (value === null ? undefined : Number(value)));
}

/** Resolves when connected; rejects with the code of the refusal. */
export function connect(node: LimitedNode, token?: string, headers: Record<string, string> = {}): Promise<Socket> {
	const socket = io(`${node.url}/messaging`, {
		transports: ["websocket"],
		forceNew: true,
		reconnection: false,
		extraHeaders: headers,
		auth: token === undefined ? {} : { token },
	});
	return new Promise((resolve, reject) => {
		socket.on("connect", () => resolve(socket));
		socket.on("connect_error", (error) => {
			socket.close();
			reject((error as Error & { data?: { code: string } }).data?.code ?? error);
		});
	});
}
