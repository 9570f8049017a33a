import type { ServiceBroker } from "moleculer";
import { chunksOf } from "../../lib/chunks.ts";
import { type Database, type Statement, statement } from "../../mixins/database.ts";
import { callsOf } from "../contracts.ts";
import { announceConversations } from "./announce.ts";
import { markChanged } from "./mark-changed.ts";

/** People or applications in one call. */
const renamedLimit = 100;

/** Conversations in one transaction: their rows are locked until it commits, and sends to them wait. */
const batchSize = 100;

/**
 * Announces new names and job titles: clients keep them in the conversations that they loaded.
 *
 * 1. The directory notes a new name in the transaction that stores it.
 * 2. This function asks for these notes when an event says that there are some, and periodically, since the event may be lost.
 * 3. It marks the conversations with this name as changed, so that the next `sync` reports them, and pushes them to connected
 *    participants.
 * 4. Then it has the directory delete the note, unless the name has changed once more. If this node stops before, another node
 *    starts over. Announcing a name twice is harmless.
 */
export async function announceRenames(broker: ServiceBroker, db: Database, signal: AbortSignal): Promise<void> {
	const calls = callsOf(broker);
	for (const service of ["users", "applications"] as const) {
		for (let hasMore = true; hasMore; ) {
			const { renamed } = await calls.call(`${service}.renamed`, { limit: renamedLimit });
			for (const { id } of renamed) await announceRename(broker, db, conversationsWith[service], id, signal);
			if (renamed.length > 0) await calls.call(`${service}.forgetRenamed`, { renamed });
			hasMore = renamed.length === renamedLimit;
		}
	}
}

async function announceRename(
	broker: ServiceBroker,
	db: Database,
	concerned: Statement,
	id: string,
	signal: AbortSignal,
): Promise<void> {
	const rows = await db.query<{ id: string }>(concerned, [id]);
	for (const batch of chunksOf(rows, batchSize)) {
		signal.throwIfAborted();
		const conversations = await markChanged(
			db,
			batch.map((row) => row.id),
		);
		await announceConversations(broker, conversations);
	}
}

/** The conversations that show the name of a person, or the title of an application. */
const conversationsWith = {
	users: statement("conversations.ofUser", "select id from conversations where user1_id = $1 or user2_id = $1 order by id"),
	applications: statement(
		"conversations.ofApplication",
		"select id from conversations where job_application_id = $1 order by id",
	),
};
