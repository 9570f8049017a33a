import type { ServiceBroker } from "moleculer";
import { chunksOf } from "../../lib/chunks.ts";
import { type Database, type Statement, statement } from "../../mixins/database.ts";
import { callsOf } from "../contracts.ts";
import { announceConversations } from "./announce.ts";
import { touch } from "./touch.ts";

/** People or applications in one question. */
const renamedLimit = 100;

/** Conversations in one transaction: their rows are locked until it commits, and sends to them wait. */
const batchSize = 100;

/**
 * Makes new names and titles known, which clients have in the conversations that they loaded.
 *
 * 1. The directory notes a new name in the same transaction in which it stores it.
 * 2. What it noted is asked for when an event says so, and again and again anyway: the event may be lost.
 * 3. The conversations concerned are touched, so that the next `sync` tells them, and are shown to those who are connected.
 * 4. After that the note is taken away, unless the name has changed once more. If this node dies before, another one begins
 *    anew; what is told twice is harmless.
 */
export async function followNames(broker: ServiceBroker, db: Database, signal: AbortSignal): Promise<void> {
	const calls = callsOf(broker);
	for (const service of ["users", "applications"] as const) {
		for (let hasMore = true; hasMore; ) {
			const { renamed } = await calls.call(`${service}.renamed`, { limit: renamedLimit });
			for (const { id } of renamed) await tellOf(broker, db, concerned[service], id, signal);
			if (renamed.length > 0) await calls.call(`${service}.forgetRenamed`, { renamed });
			hasMore = renamed.length === renamedLimit;
		}
	}
}

async function tellOf(broker: ServiceBroker, db: Database, concerned: Statement, id: string, signal: AbortSignal): Promise<void> {
	const rows = await db.query<{ id: string }>(concerned, [id]);
	for (const batch of chunksOf(rows, batchSize)) {
		signal.throwIfAborted();
		const conversations = await touch(
			db,
			batch.map((row) => row.id),
		);
		await announceConversations(broker, conversations);
	}
}

/** The conversations in which the name of a person, or the title of an application, is shown. */
const concerned = {
	users: statement("conversations.ofUser", "select id from conversations where user1_id = $1 or user2_id = $1 order by id"),
	applications: statement(
		"conversations.ofApplication",
		"select id from conversations where job_application_id = $1 order by id",
	),
};
