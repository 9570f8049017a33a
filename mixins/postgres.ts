import pg from "pg";
import { connectTimeoutMs, lockTimeoutMs, queryTimeoutMs, statementTimeoutMs } from "../lib/timeouts.ts";

/** What every connection to PostgreSQL is opened with. */
export const connectionSettings = {
	application_name: "parley",
	connectionTimeoutMillis: connectTimeoutMs,
	query_timeout: queryTimeoutMs,
	statement_timeout: statementTimeoutMs,
	lock_timeout: lockTimeoutMs,
	// When a client disappears without closing its connection, its transaction must not lock rows for long.
	idle_in_transaction_session_timeout: statementTimeoutMs,
	keepAlive: true,
} satisfies pg.ClientConfig;

/** How long a connection that we close waits until the server has closed it too. */
const closeTimeoutMs = 500;

/** The open connections to each database, from all pools of the process. */
const connections = new Map<string, Set<Connection>>();

/**
 * The class of a pool's connections to one database. PostgreSQL answers each statement within its statement_timeout, if only with an
 * error. So a connection without an answer within `query_timeout` is broken: the server's host is gone, or a firewall on the way
 * drops its packets. The idle connections to the same database are probably broken too, in all pools. They are closed as well:
 * otherwise each of them would let one more statement time out.
 */
export function connectionClass(url: string): typeof pg.Client {
	const open = connections.get(url) ?? new Set();
	connections.set(url, open);

	return class extends Connection {
		constructor(config?: string | pg.ClientConfig) {
			super(config, () => {
				for (const connection of open) if (connection.isIdle) connection.abandon();
			});
			this.once("connect", () => open.add(this));
			this.once("end", () => open.delete(this));
		}
	};
}

/** pg's `query` without its overloads. Its last argument is a callback, or it returns a promise. */
type Query = (...args: unknown[]) => unknown;
type Callback = (error: unknown, result: unknown) => void;

class Connection extends pg.Client {
	readonly #onQueryTimeout: () => void;
	#running = 0;

	constructor(config: string | pg.ClientConfig | undefined, onQueryTimeout: () => void) {
		super(config);
		this.#onQueryTimeout = onQueryTimeout;
		// A pool listens for errors only while a connection is idle. A connection that breaks in use fails its statement; without a
		// listener the error would also end the process.
		this.on("error", () => {});
		// An override would have to repeat the overloads.
		const query = this.query.bind(this) as Query;
		this.query = this.#watched(query) as typeof this.query;
	}

	get isIdle(): boolean {
		return this.#running === 0;
	}

	/** Closes the connection without telling the server. Its statements fail, and its pool removes it before this returns. */
	abandon(): void {
		this.connection.emit("error", new Error("Connection terminated: PostgreSQL does not answer on it, or on one beside it"));
		this.connection.stream.destroy();
	}

	override end(): Promise<void>;
	override end(callback: (error: Error) => void): void;
	override end(callback?: (error: Error) => void): Promise<void> | void {
		const timer = setTimeout(() => this.connection.stream.destroy(), closeTimeoutMs).unref();
		this.once("end", () => clearTimeout(timer));
		return callback ? super.end(callback) : super.end();
	}

	#watched(query: Query): Query {
		return (...args) => {
			this.#running++;
			const callback = args.at(-1);
			if (typeof callback === "function") {
				return query(...args.slice(0, -1), (error: unknown, result: unknown) => {
					this.#answered(error);
					(callback as Callback)(error, result);
				});
			}
			return (query(...args) as Promise<unknown>).then(
				(result) => {
					this.#answered(undefined);
					return result;
				},
				(error: unknown) => {
					this.#answered(error);
					throw error;
				},
			);
		};
	}

	#answered(error: unknown): void {
		this.#running--;
		if (!isQueryTimeout(error)) return;
		this.abandon();
		this.#onQueryTimeout();
	}
}

/** Whether it is pg's error for `query_timeout`. */
function isQueryTimeout(error: unknown): boolean {
	return error instanceof Error && error.message === "Query read timeout";
}
