import type { Service, ServiceBroker, ServiceSchema } from "moleculer";
import pg from "pg";
import { ParleyError } from "../lib/errors.ts";
import { isSqlState, sqlState, sqlStateClass } from "../lib/sqlstate.ts";
import { isUnavailable } from "../lib/unavailable.ts";
import { connectionClass, connectionSettings } from "./postgres.ts";
import { SharedResource } from "./shared-resource.ts";

/** A prepared statement: on each connection, PostgreSQL parses the text once and then knows it by its name. */
export interface Statement {
	name: string;
	text: string;
}

export const statement = (name: string, text: string): Statement => ({ name, text });

/** What is done in one transaction of `Database.transaction`. */
export interface Transaction {
	query<Row = Record<string, unknown>>(query: Statement, values?: unknown[]): Promise<Row[]>;
}

/** A pool of connections to PostgreSQL. */
export class Database {
	/** For those who need a connection of their own. */
	readonly url: string;
	readonly #pool: pg.Pool;

	constructor(url: string, onError: (error: Error) => void, { maxConnections, settings = "" }: PoolSettings = pools.db) {
		this.url = url;
		this.#pool = new pg.Pool({
			...connectionSettings,
			connectionString: url,
			max: maxConnections,
			Client: connectionClass(url),
			types: { getTypeParser },
			// All our statements find rows by keys. Without this, a plan that is prepared while a table is small scans the table,
			// and goes on doing so when the table has grown. Our statements are short, but some have high estimates: PostgreSQL would
			// compile them (JIT), which takes longer than to run them.
			options: `-c timezone=UTC -c enable_seqscan=off -c jit=off ${settings}`,
		});
		// The pool replaces an idle connection that breaks (PostgreSQL restarts). Without a listener the error ends the process.
		this.#pool.on("error", onError);
	}

	/** Runs a statement and returns its rows, with times as ISO strings and bigint as numbers. */
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
	 * Does `work` unless another node is doing it now; then returns false. PostgreSQL releases the lock when the connection
	 * breaks: then another node may begin before the work here is finished.
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

	/** Runs `work` on a connection. Then the connection returns to the pool, or is closed if an error makes it unusable. */
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

/** Turns connection errors into UNAVAILABLE. An error from PostgreSQL itself keeps its code: callers decide by it. */
function failConnection(error: unknown): never {
	if (error instanceof pg.DatabaseError || !isUnavailable(error)) throw error;
	throw new ParleyError("UNAVAILABLE", { cause: error });
}

/**
 * Whether the error concerns the statement alone, so that its connection can be used again. Any other error closes the connection:
 * the connection may be broken or lead to the wrong server, or the same error (a prepared statement that is no longer valid) would
 * come back with each statement on it.
 */
function isAboutStatement(error: unknown): boolean {
	return error instanceof pg.DatabaseError && isSqlState(error.code, statementErrors);
}

const statementErrors = [
	sqlStateClass.dataException,
	sqlStateClass.integrityConstraintViolation,
	sqlStateClass.transactionRollback,
	sqlState.lockNotAvailable,
	sqlState.queryCanceled,
];

/** What the mixin adds to a service. */
export interface WithDatabase extends Service {
	/** For queries. */
	db: Database;
	/** Only for sends and acknowledgements: slow queries cannot take these connections. */
	pathDb: Database;
}

/** The pools of a process. The message path needs few connections, because one statement stores many messages. */
const pools: Record<"db" | "pathDb", PoolSettings> = {
	db: { maxConnections: 10 },
	// Its statements find rows by whole keys, so one plan is right for all values. Without the setting, PostgreSQL plans some of
	// them again each time: for a message that is sent alone, a third more CPU time in the database.
	pathDb: { maxConnections: 4, settings: "-c plan_cache_mode=force_generic_plan" },
};

interface PoolSettings {
	maxConnections: number;
	/** Further settings of each connection, in the form of PostgreSQL's `options`. */
	settings?: string;
}

const shared = new SharedResource(
	(broker) => ({ db: open(broker, pools.db), pathDb: open(broker, pools.pathDb) }),
	async ({ db, pathDb }) => {
		await Promise.all([db.close(), pathDb.close()]);
	},
);

/** Gives a service `this.db` and `this.pathDb` from `created` to `stopped`. All services of a process share them. */
export const database: Partial<ServiceSchema> = {
	created(this: Service) {
		const { db, pathDb } = shared.acquire(this.broker);
		Object.assign(this as WithDatabase, { db, pathDb });
	},
	stopped(this: Service) {
		return shared.release(this.broker);
	},
};

/** Resolves when the database answers. `health` actions call it. */
export async function checkDatabase(db: Database): Promise<null> {
	await db.query(ping);
	return null;
}

const ping = statement("ping", "select 1");

function open(broker: ServiceBroker, pool: PoolSettings): Database {
	const warn = (error: Error) => broker.logger.warn("A database connection broke:", error.message);
	return new Database(broker.config.databaseUrl, warn, pool);
}

const parsers: Record<number, (text: string) => unknown> = {
	[pg.types.builtins.INT8]: Number,
	// Our columns are timestamptz(3) and sessions are in UTC, so the text is `2026-11-23 05:50:47.12+00`.
	[pg.types.builtins.TIMESTAMPTZ]: (text) =>
		`${text.slice(0, 10)}T${text.slice(11, -3).padEnd(12, text.length > 22 ? "0" : ".000")}Z`,
};

const getTypeParser = ((oid: number, format?: "text" | "binary") =>
	parsers[oid] ?? pg.types.getTypeParser(oid, format as "text")) as typeof pg.types.getTypeParser;
