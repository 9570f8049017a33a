import { randomUUID } from "node:crypto";
import { ServiceBroker } from "moleculer";
import pg from "pg";
import { readConfig } from "../../lib/config.ts";
import { type Calls, callsOf, type Meta, type Params, type Result } from "../../lib/contracts.ts";
import { migrate } from "../../migrations/migrate.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import conversations from "../../services/conversations/conversations.service.ts";
import applications from "../../services/directory/applications.service.ts";
import users from "../../services/directory/users.service.ts";
import messages from "../../services/messages/messages.service.ts";
import { createDatabase } from "./database.ts";

export type Found = Result<"messages.search">;
export type SearchOptions = Partial<Omit<Params<"messages.search">, "q">>;

/** The services that search takes, on a database of their own. */
export interface SearchNode {
	/** As the tests' own user behind the scenes. */
	sql: pg.Client;
	calls: Calls;
	/** A conversation between two people, who are registered with their ids as names unless `title` or `name` say otherwise. */
	open(applicantId: string, employerId: string, job?: { title?: string; name?: string }): Promise<string>;
	/** The stored message's seq. */
	write(userId: string, conversationId: string, content: string): Promise<number>;
	search(userId: string, q: string, options?: SearchOptions): Promise<Found>;
	stop(): Promise<void>;
}

export const as = (id: string): { meta: Meta } => ({ meta: { user: { id, role: "user" } } });

export async function startSearchNode(): Promise<SearchNode> {
	const database = await createDatabase();
	await migrate(database.url);
	const config = readConfig({ DATABASE_URL: database.url, JWT_SECRET: "the secret of the tests", LOG_LEVEL: "fatal" });
	const broker = new ServiceBroker({ ...brokerOptions({ ...config, databaseUrl: database.url }), nodeID: randomUUID() });
	for (const schema of [users, applications, conversations, messages]) broker.createService(schema);
	await broker.start();
	const sql = new pg.Client({ connectionString: database.url });
	await sql.connect();
	const calls = callsOf(broker);
	const asPlatform = { meta: { user: { id: "platform", role: "platform" } } };

	return {
		sql,
		calls,
		async open(applicantId, employerId, { title = "Lighthouse keeper", name = employerId } = {}) {
			const id = randomUUID();
			await calls.call("users.put", { id: applicantId, name: applicantId }, asPlatform);
			await calls.call("users.put", { id: employerId, name }, asPlatform);
			await calls.call("applications.put", { id, applicantId, employerId, jobTitle: title, status: "NEW" }, asPlatform);
			return (await calls.call("conversations.create", { jobApplicationId: id }, as(applicantId))).id;
		},
		async write(userId, conversationId, content) {
			return (await calls.call("messages.send", { conversationId, clientId: randomUUID(), content }, as(userId))).seq;
		},
		search(userId, q, options = {}) {
			return calls.call("messages.search", { q, ...options }, as(userId));
		},
		async stop() {
			await sql.end();
			await broker.stop();
			await database.drop();
		},
	};
}
