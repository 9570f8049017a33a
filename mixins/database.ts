import type { Service, ServiceBroker, ServiceSchema } from "moleculer";
import pg from "pg";
import { ParleyError } from "../lib/errors.ts";
import { isUnavailable } from "../lib/unavailable.ts";
import { connectionClass, connectionSettings } from "./postgres.ts";

/** A prepared statement: PostgreSQL parses the text once a connection and knows it by its name from then on. */
export interface Statement {
	name: string;
	text: string;
}

export const statement = (name: string, text: string): Statement => ({ name, text });

/** What is done in one transaction of `Database.transaction`. */
export interface Transaction {
	query<Row = Record<string, unknown>>(query: Statement, values?: unknown[]): Promise<Row[]>;
}

/** A group of connections to PostgreSQL. */
export class Database {
	readonly #pool: pg.Pool;

	constructor(url: string, onError: (error: Error) => void, { maxConnections, settings = "" }: Group = groups.db) {
		this.#pool = new pg.Pool({
			...connectionSettings,
			connectionString: url,
			max: maxConnections,
			Client: connectionClass(url),
			types: { getTypeParser },
			// All our statements look rows up by keys. A prepared plan made while a table was small must not scan it for ever.
			options: `-c timezone=UTC -c enable_seqscan=off ${settings}`,
		});
		// An idle connection that breaks (a restart of PostgreSQL) is replaced by the pool; without a listener it ends the process.
		this.#pool.on("error", onError);
	}

	/** Runs a statement; its rows, with times as ISO strings and bigint as numbers. */
	query<Row = Record<string, unknown>>(query: Statement, values: unknown[] = []): Promise<Row[]> {
		return this.#onConnection(async (client) => (await client.query({ ...query, values })).rows as Row[]);
	}

	/** Does `work` in one transaction, which is committed when `work` resolves and rolled back when it rejects. */
	transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
		return this.#onConnection(async (client) => {
			await client.query("begin");
			try {
				const result = await work({
					query: async <Row>(query: Statement, values: unknown[] = []) =>
						(await client.query({ ...query, values })).rows as Row[],
				});
				await client.query("commit");
				return result;
			} catch (error) {
				// On a connection that broke there is nothing left to roll back. What `work` said is the error to report.
				await client.query("rollback").catch(() => {});
				throw error;
			}
		});
	}

	/**
	 * Does `work` unless another node is doing it now; then false. The lock is that of a session and ends with it: should the
	 * connection break, another node may begin while the work here is not over.
	 */
	exclusively(name: string, work: () => Promise<unknown>): Promise<boolean> {
		return this.#onConnection(async (client) => {
			const { rows } = await client.query("select pg_try_advisory_lock(hashtextextended($1, 0)) as locked", [name]);
			if (!rows[0]?.locked) return false;
			try {
				await work();
			} finally {
				await client.query("select pg_advisory_unlock(hashtextextended($1, 0))", [name]);
			}
			return true;
		});
	}

	close(): Promise<void> {
		return this.#pool.end();
	}

	/** Afterwards the connection goes back to the pool, unless it is of no further use: then it is closed. */
	async #onConnection<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
		const client = await this.#pool.connect().catch(failConnection);
		let isUsable = true;
		try {
			return await work(client);
		} catch (error) {
			isUsable = isAboutStatement(error);
			return failConnection(error);
		} finally {
			client.release(!isUsable);
		}
	}
}

/** What PostgreSQL itself says keeps its code, by which callers decide. */
function failConnection(error: unknown): never {
	if (error instanceof pg.DatabaseError || !isUnavailable(error)) throw error;
	throw new ParleyError("UNAVAILABLE", { cause: error });
}

/**
 * Whether an error says something of the statement alone: a bad value, a broken constraint, a conflict with another transaction, a
 * lock or an answer that took too long. All others close the connection: some say that it is broken or leads to the wrong server,
 * some (a plan or a prepared statement that is no longer valid) would come back on it with every statement.
 */
function isAboutStatement(error: unknown): boolean {
	return error instanceof pg.DatabaseError && /^(22|23|40|55P03|57014)/.test(error.code ?? "");
}

/** What the mixin adds to a service. */
export interface WithDatabase extends Service {
	/** For queries. */
	db: Database;
	/** For the message path alone: sends and acknowledgements. A slow query cannot take its connections. */
	pathDb: Database;
}

/** How many connections each group of a process may open. The message path needs few: one statement stores many messages. */
const groups: Record<"db" | "pathDb", Group> = {
	db: { maxConnections: 10 },
	// Its statements look rows up by whole keys, so that one plan is right for any values. By itself PostgreSQL plans some of them
	// anew each time, which costs a lone message a third more of its CPU time in the database.
	pathDb: { maxConnections: 4, settings: "-c plan_cache_mode=force_generic_plan" },
};

interface Group {
	maxConnections: number;
	/** Further settings of each connection, as PostgreSQL's `options` has them. */
	settings?: string;
}

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
			db: open(broker, groups.db),
			pathDb: open(broker, groups.pathDb),
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

function open(broker: ServiceBroker, group: Group): Database {
	const warn = (error: Error) => broker.logger.warn("A database connection broke:", error.message);
	return new Database(broker.config.databaseUrl, warn, group);
}

const parsers: Record<number, (text: string) => unknown> = {
	[pg.types.builtins.INT8]: Number,
	// Our columns are timestamptz(3) and the session is in UTC: `2026-11-23 05:50:47.12+00`.
	[pg.types.builtins.TIMESTAMPTZ]: (text) =>
		`${text.slice(0, 10)}T${text.slice(11, -3).padEnd(12, text.length > 22 ? "0" : ".000")}Z`,
};

const getTypeParser = ((oid: number, format?: "text" | "binary") =>
	parsers[oid] ?? pg.types.getTypeParser(oid, format as "text")) as typeof pg.types.getTypeParser;
