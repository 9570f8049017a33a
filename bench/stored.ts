import pg from "pg";
import type { Ledger } from "./ledger.ts";
import type { StoredCheck } from "./load-plan.ts";

/** Compares the table of messages with the ledger. It needs the columns `conversation_id`, `seq` and `client_id`. */
export async function checkStored(databaseUrl: string, ledger: Ledger): Promise<StoredCheck> {
	const database = new pg.Client({ connectionString: databaseUrl });
	await database.connect();
	try {
		const { rows } = await database.query<[string, number, string]>({
			text: "select conversation_id::text, seq::int, client_id::text from messages order by 1, 2",
			rowMode: "array",
		});
		// xmin is the transaction that inserted the row, since nothing in a run updates a message.
		const batches = await database.query<{ size: number | null; version: string }>(
			`select count(*)::float / nullif(count(distinct xmin::text), 0) as size, current_setting('server_version') as version
			   from messages`,
		);
		return {
			...compare(rows, ledger),
			batchSize: batches.rows[0]?.size ?? Number.NaN,
			postgresVersion: batches.rows[0]?.version ?? "unknown",
		};
	} finally {
		await database.end();
	}
}

type Compared = Omit<StoredCheck, "batchSize" | "postgresVersion">;

function compare(rows: readonly [string, number, string][], ledger: Ledger): Compared {
	const seqOf = new Map<string, number>();
	const nextSeq = new Map<string, number>();
	const broken = new Set<string>();
	let storedTwice = 0;
	for (const [conversationId, seq, clientId] of rows) {
		const expected = nextSeq.get(conversationId) ?? 1;
		if (seq !== expected) broken.add(conversationId);
		nextSeq.set(conversationId, seq + 1);
		if (seqOf.has(clientId)) storedTwice++;
		seqOf.set(clientId, seq);
	}
	let neverStored = 0;
	let wrongSeq = 0;
	for (const [index, clientId] of ledger.clientIds.entries()) {
		const told = [ledger.ackedSeqs[index] ?? 0, ledger.receivedSeqs[index] ?? 0].filter((seq) => seq !== 0);
		const seq = seqOf.get(clientId);
		if (told.length > 0 && seq === undefined) neverStored++;
		else if (told.some((toldSeq) => toldSeq !== seq)) wrongSeq++;
	}
	return { stored: rows.length, neverStored, storedTwice, brokenConversations: broken.size, wrongSeq };
}
