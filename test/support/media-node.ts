import { hash, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServiceBroker } from "moleculer";
import { startStorage } from "../../embedded/storage.ts";
import type { Config } from "../../lib/config/config.ts";
import { serviceNames } from "../../lib/config/service-names.ts";
import { signToken } from "../../lib/token.ts";
import { Database, statement } from "../../mixins/database.ts";
import type { Calls } from "../../services/contracts.ts";
import { prepareStorage } from "../../services/media/prepare-storage.ts";
import { storageEnv } from "../../testing/storage-env.ts";
import { jwtSecret, startBroker } from "./broker.ts";
import { createMigratedDatabase } from "./database.ts";
import { type Flaky, startFlaky } from "./flaky.ts";
import { urlOf } from "./gateway.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import { TestBucket } from "./test-bucket.ts";
import { useStarted } from "./use-started.ts";

/** All of Parley in this process, on a database and a storage of its own. */
export interface MediaNode {
	url: string;
	/** The address of the storage, as clients see it too. */
	storage: Flaky;
	/** The way to the database. */
	postgres: TcpProxy;
	/** How to reach it past what `storage` does. */
	s3: Config["s3"];
	broker: ServiceBroker;
	calls: Calls;
	bucket: TestBucket;
	sql<Row>(text: string, values?: unknown[]): Promise<Row[]>;
	/** A new registered user. */
	person(): Promise<Person>;
	/** A conversation between two new people. */
	conversation(): Promise<{ id: string; alice: Person; bob: Person }>;
	stop(): Promise<void>;
}

/** Somebody with a token. */
export interface Person {
	id: string;
	token: string;
	fetch(method: string, path: string, body?: object): Promise<Answer>;
}

export interface Answer {
	status: number;
	// biome-ignore lint/suspicious/noExplicitAny: what came over the wire; tests say what they expect of it
	body: any;
}

/** One for the tests of a file. */
export function useMediaNode(env: Record<string, string> = {}): MediaNode {
	return useStarted(
		() => startMediaNode(env),
		(node) => node.stop(),
	);
}

export async function startMediaNode(env: Record<string, string> = {}): Promise<MediaNode> {
	const database = await createMigratedDatabase();
	const dataDir = mkdtempSync(join(tmpdir(), "parley-service-"));
	const embedded = await startStorage({ dataDir });
	const storage = await startFlaky(String(embedded.s3.endpoint));
	const s3 = { ...embedded.s3, endpoint: storage.url };
	await prepareStorage({ s3, media: { keyPrefix: "parley/" }, corsOrigins: [], appUrl: "http://localhost" });
	const postgres = await TcpProxy.before(database.url);
	const node = await startBroker({
		databaseUrl: postgres.url,
		services: serviceNames,
		env: { LOG_LEVEL: "fatal", ...storageEnv(s3), ...env },
	});
	const { broker, calls } = node;
	const url = urlOf(node);
	const db = new Database(database.url, () => {});
	const bucket = new TestBucket(dataDir, embedded.s3);

	const platform = await caller(url, "platform", "platform");
	const person = async () => {
		const somebody = await caller(url, `user-${randomUUID()}`, "user");
		await platform.fetch("PUT", `/platform/users/${somebody.id}`, { name: "Somebody" });
		return somebody;
	};
	return {
		url,
		storage,
		postgres,
		s3: embedded.s3,
		broker,
		calls,
		bucket,
		sql: (text, values) => db.query(statement(hash("md5", text), text), values),
		person,
		async conversation() {
			const [alice, bob] = [await person(), await person()];
			const application = { applicantId: alice.id, employerId: bob.id, jobTitle: "Baker", status: "NEW" };
			const jobApplicationId = randomUUID();
			await platform.fetch("PUT", `/platform/applications/${jobApplicationId}`, application);
			const { body } = await alice.fetch("POST", "/conversations", { jobApplicationId });
			return { id: body.id, alice, bob };
		},
		async stop() {
			await node.stop();
			await postgres.close();
			await db.close();
			bucket.close();
			await storage.stop();
			await embedded.stop();
			await database.drop();
			rmSync(dataDir, { recursive: true });
		},
	};
}

/** Somebody who calls the server at `url`; tokens are signed with the secret of `startBroker`, or the one given. */
export async function caller(url: string, id: string, role: "user" | "platform", secret = jwtSecret): Promise<Person> {
	const token = await signToken({ sub: id, role, ttlSeconds: 600, jwt: { secret } });
	return {
		id,
		token,
		async fetch(method, path, body) {
			const response = await fetch(url + path, {
				method,
				headers: { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) },
				...(body && { body: JSON.stringify(body) }),
			});
			const text = await response.text();
			return { status: response.status, body: text === "" ? null : JSON.parse(text) };
		},
	};
}
