import pg from "pg";
import { connectTimeoutMs, lockTimeoutMs, queryTimeoutMs, statementTimeoutMs } from "../lib/timeouts.ts";

/** What every connection to PostgreSQL is opened with. */
export const connectionSettings = {
	application_name: "parley",
	connectionTimeoutMillis: connectTimeoutMs,
	query_timeout: queryTimeoutMs,
	statement_timeout: statementTimeoutMs,
	lock_timeout: lockTimeoutMs,
	// A transaction whose client is gone, unknown to the server, must not hold its rows for long.
	idle_in_transaction_session_timeout: statementTimeoutMs,
	keepAlive: true,
} satisfies pg.ClientConfig;

/** How long a connection that we close waits for the server to close it too. */
const closeTimeoutMs = 500;

/** What is open to each database, over all pools of the process. */
const connections = new Map<string, Set<Connection>>();

/**
 * Connections to a database, as a class for a pool. PostgreSQL answers every statement within its statement_timeout, if only with
 * an error, so a connection without an answer by `query_timeout` is cut: the server's host is gone, or something on the way forgot
 * the connection and drops its packets. The idle connections to the same database most likely went the same way, in whatever pool
 * they are. They are closed too, since each would cost the next statement a time-out of its own.
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

/** pg's `query`, whose overloads are of no interest here: with a callback at the end, or giving a promise. */
type Query = (...args: unknown[]) => unknown;
type Callback = (error: unknown, result: unknown) => void;

class Connection extends pg.Client {
	readonly #onSilence: () => void;
	#running = 0;

	constructor(config: string | pg.ClientConfig | undefined, onSilence: () => void) {
		super(config);
		this.#onSilence = onSilence;
		// Pools listen while a connection is idle. A connection that breaks in use fails its statement; without a listener it would
		// also end the process.
		this.on("error", () => {});
		// An override would have to repeat the overloads.
		const query = this.query.bind(this) as Query;
		this.query = this.#watched(query) as typeof this.query;
	}

	get isIdle(): boolean {
		return this.#running === 0;
	}

	/** Closes it without a word to the server. What runs on it fails, and its pool forgets it before this returns. */
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
		if (!isSilence(error)) return;
		this.abandon();
		this.#onSilence();
	}
}

/** pg's own error when `query_timeout` is over. */
function isSilence(error: unknown): boolean {
	return error instanceof Error && error.message === "Query read timeout";
}
