import { type Database, type Statement, statement } from "./database.ts";
import { connectionClass, connectionSettings } from "./postgres.ts";

/** A connection on which statements run one by one. */
export type Session = Pick<Database, "query">;

/**
 * The limits differ from those of the pools: a statement may take minutes, and waits up to an hour for older transactions. It uses one
 * core. TCP keep-alive notices within half a minute that the server's host is gone.
 */
const settings = {
	...connectionSettings,
	application_name: "parley maintenance",
	query_timeout: 0,
	keepAliveInitialDelayMillis: 10_000,
	options: "-c timezone=UTC -c statement_timeout=0 -c lock_timeout=1h -c max_parallel_maintenance_workers=0",
	statement_timeout: 0,
	lock_timeout: 0,
};

/**
 * Does `work` unless another node is doing it now; then returns false. In contrast to `Database.exclusively`, the work is done on the
 * connection that has the lock, outside of a transaction, and its statements may take hours. So nobody else begins before PostgreSQL
 * has ended the work, also when this node dies. An aborted `signal` ends it, with an error.
 */
export async function maintain(
	db: Database,
	name: string,
	work: (session: Session) => Promise<unknown>,
	signal: AbortSignal,
): Promise<boolean> {
	if (signal.aborted) return false;
	const client = new (connectionClass(db.url))({ ...settings, connectionString: db.url });
	const session: Session = {
		query: async <Row>(query: Statement, values: unknown[] = []) => (await client.query({ ...query, values })).rows as Row[],
	};
	let ending: Promise<void> | undefined;
	const end = () => (ending ??= client.end());
	try {
		await client.connect();
		const [lock] = await session.query<{ isLocked: boolean; pid: number }>(lockStatement, [name]);
		if (!lock?.isLocked) return false;
		// PostgreSQL would not notice a closed connection before its statement has ended.
		const terminate = () =>
			void db
				.query(terminateStatement, [lock.pid])
				.catch(() => {})
				.then(end);
		signal.addEventListener("abort", terminate);
		try {
			signal.throwIfAborted();
			await work(session);
		} finally {
			signal.removeEventListener("abort", terminate);
		}
		return true;
	} finally {
		// The end of the session releases the lock.
		await end();
	}
}

const lockStatement = statement(
	"maintenance.lock",
	`select pg_try_advisory_lock(hashtextextended($1, 0)) as "isLocked", pg_backend_pid() as pid`,
);

const terminateStatement = statement("maintenance.terminate", "select pg_terminate_backend($1)");
