import { randomUUID } from "node:crypto";
import pg from "pg";
import type { Calls, Params, Result } from "../../services/contracts.ts";
import { as, asPlatform, startBroker } from "./broker.ts";
import { createMigratedDatabase } from "./database.ts";
import { useStarted } from "./use-started.ts";

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

/** One for the tests of a file. */
export function useSearchNode(): SearchNode {
	return useStarted(startSearchNode, (node) => node.stop());
}

export async function startSearchNode(): Promise<SearchNode> {
	const database = await createMigratedDatabase();
	const { calls, stop } = await startBroker({
		databaseUrl: database.url,
		services: ["conversations", "directory", "messages"],
	});
	const sql = new pg.Client({ connectionString: database.url });
	await sql.connect();

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
			// What is costly may take long on a busy machine.
			return calls.call("messages.search", { q, ...options }, { ...as(userId), timeout: 60_000 });
		},
		async stop() {
			await sql.end();
			await stop();
			await database.drop();
		},
	};
}
