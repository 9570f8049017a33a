import type { Service, ServiceBroker, ServiceSchema } from "moleculer";
import pg from "pg";

/** A prepared statement: PostgreSQL parses the text once a connection and knows it by its name from then on. */
export interface Statement {
	name: string;
	text: string;
}

export const statement = (name: string, text: string): Statement => ({ name, text });

/** A group of connections to PostgreSQL. */
export class Database {
	readonly #pool: pg.Pool;

	constructor(url: string, onError: (error: Error) => void, maxConnections = 10) {
		this.#pool = new pg.Pool({
			connectionString: url,
			max: maxConnections,
			connectionTimeoutMillis: 5_000,
			statement_timeout: 15_000,
			keepAlive: true,
			types: { getTypeParser },
			application_name: "parley",
			// All our statements look rows up by keys. A prepared plan made while a table was small must not scan it for ever.
			options: "-c timezone=UTC -c enable_seqscan=off",
		});
		// An idle connection that breaks (a restart of PostgreSQL) is replaced by the pool; without a listener it ends the process.
		this.#pool.on("error", onError);
	}

	/** Runs a statement; its rows, with times as ISO strings and bigint as numbers. */
	async query<Row = Record<string, unknown>>(query: Statement, values: unknown[] = []): Promise<Row[]> {
		const { rows } = await this.#pool.query({ ...query, values });
		return rows as Row[];
	}

	/**
	 * Does `work` unless another node is doing it now; then false. The lock is that of a session and ends with it: should the
	 * connection break, another node may begin while the work here is not over.
	 */
	async exclusively(name: string, work: () => Promise<unknown>): Promise<boolean> {
		const client = await this.#pool.connect();
		let failure: Error | undefined;
		// Without a listener a connection that breaks meanwhile ends the process.
		const noteFailure = (error: Error) => {
			failure = error;
		};
		client.on("error", noteFailure);
		try {
			const { rows } = await client.query("select pg_try_advisory_lock(hashtextextended($1, 0)) as locked", [name]);
			if (!rows[0]?.locked) return false;
			await work();
			await client.query("select pg_advisory_unlock(hashtextextended($1, 0))", [name]);
			return true;
		} catch (error) {
			noteFailure(error as Error);
			throw error;
		} finally {
			client.off("error", noteFailure);
			// After a failure it is closed, and the lock is gone with it.
			client.release(failure);
		}
	}

	close(): Promise<void> {
		return this.#pool.end();
	}
}

/** What the mixin adds to a service. */
export interface WithDatabase extends Service {
	/** For queries. */
	db: Database;
	/** For the message path alone: sends and acknowledgements. A slow query cannot take its connections. */
	pathDb: Database;
}

/** How many connections each group of a process may open. The message path needs few: one statement stores many messages. */
const maxConnections = { db: 10, pathDb: 4 };

interface Shared {
	db: Database;
	pathDb: Database;
	users: number;
}

const shared = new WeakMap<ServiceBroker, Shared>();

/** `this.db` and `this.pathDb` from `created` to `stopped`: shared by the services of a process, closed by the last of them. */
export const database: Partial<ServiceSchema> = {
	created(this: Service) {
		const { broker } = this;
		const entry = shared.get(broker) ?? {
			db: open(broker, maxConnections.db),
			pathDb: open(broker, maxConnections.pathDb),
			users: 0,
		};
		entry.users++;
		shared.set(broker, entry);
		const { db, pathDb } = entry;
		Object.assign(this as WithDatabase, { db, pathDb });
	},
	async stopped(this: Service) {
		const entry = shared.get(this.broker);
		if (!entry || --entry.users > 0) return;
		shared.delete(this.broker);
		await Promise.all([entry.db.close(), entry.pathDb.close()]);
	},
};

/** Resolves when the database answers: what `health` actions do. */
export async function checkDatabase(db: Database): Promise<null> {
	await db.query(ping);
	return null;
}

const ping = statement("ping", "select 1");

function open(broker: ServiceBroker, connections: number): Database {
	const warn = (error: Error) => broker.logger.warn("A database connection broke:", error.message);
	return new Database(broker.config.databaseUrl, warn, connections);
}

const parsers: Record<number, (text: string) => unknown> = {
	[pg.types.builtins.INT8]: Number,
	// Our columns are timestamptz(3) and the session is in UTC: `2026-11-23 05:50:47.12+00`.
	[pg.types.builtins.TIMESTAMPTZ]: (text) =>
		`${text.slice(0, 10)}T${text.slice(11, -3).padEnd(12, text.length > 22 ? "0" : ".000")}Z`,
};

const getTypeParser = ((oid: number, format?: "text" | "binary") =>
	parsers[oid] ?? pg.types.getTypeParser(oid, format as "text")) as typeof pg.types.getTypeParser;
