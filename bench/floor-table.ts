import pg from "pg";
import type { WireMessage } from "./wire.ts";

export interface FloorTable {
	/** Resolves after the commit. */
	append(message: WireMessage): Promise<void>;
	close(): Promise<void>;
}

interface Parked {
	readonly message: WireMessage;
	written(): void;
	failed(cause: unknown): void;
}

const maxBatch = 500;

/** One plain table on one connection. Messages that arrive while a batch is written are the next batch. */
export async function openFloorTable(databaseUrl: string): Promise<FloorTable> {
	const database = new pg.Client({ connectionString: databaseUrl });
	await database.connect();
	await database.query(`create table messages (
		conversation_id uuid, seq bigint, id uuid not null, sender_id text not null, client_id uuid not null, content text not null,
		created_at timestamptz not null, primary key (conversation_id, seq))`);
	let parked: Parked[] = [];
	let writing = false;

	async function writeAll(): Promise<void> {
		writing = true;
		while (parked.length > 0) {
			const batch = parked.slice(0, maxBatch);
			parked = parked.slice(maxBatch);
			await insert(
				database,
				batch.map(({ message }) => message),
			).then(
				() => batch.forEach(({ written }) => void written()),
				(cause) => batch.forEach(({ failed }) => void failed(cause)),
			);
		}
		writing = false;
	}

	return {
		append: (message) =>
			new Promise((written, failed) => {
				parked.push({ message, written, failed });
				if (!writing) void writeAll();
			}),
		close: () => database.end(),
	};
}

function insert(database: pg.Client, messages: readonly WireMessage[]): Promise<unknown> {
	const column = (key: keyof WireMessage) => messages.map((message) => message[key]);
	return database.query({
		name: "insert",
		text: `insert into messages select * from
			unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::timestamptz[])`,
		values: [
			column("conversationId"),
			column("seq"),
			column("id"),
			column("senderId"),
			column("clientId"),
			column("content"),
			column("createdAt"),
		],
	});
}
