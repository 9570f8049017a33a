import { hash, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, utimesSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBroker } from "moleculer";
import { startStorage } from "../../embedded/storage.ts";
import { readConfig } from "../../lib/config.ts";
import { type Calls, callsOf } from "../../lib/contracts.ts";
import { signToken } from "../../lib/token.ts";
import { migrate } from "../../migrations/migrate.ts";
import { Database, statement } from "../../mixins/database.ts";
import { prepareStorage, Storage } from "../../mixins/storage.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import conversations from "../../services/conversations/conversations.service.ts";
import applications from "../../services/directory/applications.service.ts";
import users from "../../services/directory/users.service.ts";
import gateway from "../../services/gateway/gateway.service.ts";
import media from "../../services/media/media.service.ts";
import messages from "../../services/messages/messages.service.ts";
import { createDatabase } from "./database.ts";
import { type Flaky, startFlaky } from "./flaky.ts";

/** All of Parley in this process, on a database and a storage of its own. */
export interface TestParley {
	url: string;
	/** The address of the storage, as clients see it too. */
	storage: Flaky;
	broker: ServiceBroker;
	calls: Calls;
	/** The keys in the bucket with this in them. */
	objects(part: string): Promise<string[]>;
	/** Makes such objects look as if they had been stored hours ago. */
	ageObjects(part: string, hours: number): Promise<void>;
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

const unlimited = Object.fromEntries(
	["MESSAGES", "UPLOADS", "CONVERSATIONS", "QUERIES"].map((what) => [`RATE_LIMIT_${what}`, "off"]),
);
const secret = "a secret of the tests, long enough";

export async function startParley(env: Record<string, string> = {}): Promise<TestParley> {
	const database = await createDatabase();
	await migrate(database.url);
	const dataDir = mkdtempSync(join(tmpdir(), "parley-service-"));
	const embedded = await startStorage({ dataDir });
	const storage = await startFlaky(String(embedded.s3.endpoint));
	const settings = readConfig({ ...unlimited, PORT: "0", HOST: "127.0.0.1", JWT_SECRET: secret, LOG_LEVEL: "fatal", ...env });
	const config = { ...settings, databaseUrl: database.url, s3: { ...embedded.s3, endpoint: storage.url } };
	await prepareStorage(config);

	const broker = new ServiceBroker(brokerOptions(config));
	for (const schema of [users, applications, conversations, messages, media, gateway]) broker.createService(schema);
	await broker.start();
	const { server } = broker.getLocalService("gateway") as unknown as { server: Server };
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const db = new Database(database.url, () => {});
	const bucket = new Storage({ ...embedded.s3, bucket: String(embedded.s3.bucket) });

	const platform = await caller(url, "platform", "platform");
	const person = async () => {
		const somebody = await caller(url, `user-${randomUUID()}`, "user");
		await platform.fetch("PUT", `/platform/users/${somebody.id}`, { name: "Somebody" });
		return somebody;
	};
	const objects = async (part: string) => {
		const keys: string[] = [];
		for await (const { key } of bucket.list("")) if (key.includes(part)) keys.push(key);
		return keys;
	};
	return {
		url,
		storage,
		broker,
		calls: callsOf(broker),
		objects,
		async ageObjects(part, hours) {
			const then = new Date(Date.now() - hours * 3_600_000);
			for (const key of await objects(part)) utimesSync(join(dataDir, "s3", "parley", `${key}._S3rver_object`), then, then);
		},
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
			await broker.stop();
			await db.close();
			bucket.close();
			await storage.stop();
			await embedded.stop();
			await database.drop();
			rmSync(dataDir, { recursive: true });
		},
	};
}

/** Somebody who calls the server at `url`; tokens are signed with the secret of `startParley`, or the one given. */
export async function caller(url: string, id: string, role: "user" | "platform", key = secret): Promise<Person> {
	const token = await signToken({ sub: id, role, ttlSeconds: 600, jwt: { secret: key } });
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
