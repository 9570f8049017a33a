import { isSqlState, sqlState, sqlStateClass } from "./sqlstate.ts";

/**
 * By what one knows that a part below (PostgreSQL, Redis, the bus, another node) is away, busy or in the middle of a failover, so
 * that the same request may well succeed later. Such errors also come from other nodes, as plain Errors with `name`, `message`,
 * `code` and `type`.
 */
const signs = {
	/** Moleculer's. */
	types: [
		"SERVICE_NOT_FOUND",
		"SERVICE_NOT_AVAILABLE",
		"REQUEST_TIMEOUT",
		"REQUEST_SKIPPED",
		"REQUEST_REJECTED",
		"QUEUE_FULL",
		// Of our own fragments (middlewares/fragments).
		"PACKET_LOST",
		// Of BrokerDisconnectedError.
		"BAD_GATEWAY",
		"GRACEFUL_STOP_TIMEOUT",
	],
	codes: [
		...["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EADDRNOTAVAIL"],
		...["ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN"],
		// The NATS client's: the connection, no answer in time, nobody who listens.
		...["CONNECTION_CLOSED", "CONNECTION_DRAINING", "CONNECTION_REFUSED", "CONNECTION_TIMEOUT", "DISCONNECT", "TIMEOUT", "503"],
		// PostgreSQL: a statement was cancelled or took too long, a lock did, a transaction did nothing for too long.
		...[sqlState.queryCanceled, sqlState.lockNotAvailable, sqlState.idleInTransactionSessionTimeout],
		// It only reads: after a failover we are still connected to what was the primary.
		sqlState.readOnlySqlTransaction,
		// A conflict with another transaction.
		...[sqlState.serializationFailure, sqlState.deadlockDetected],
	],
	/** PostgreSQL: the connection failed; out of connections, memory or disk; it stops or starts. */
	codeClasses: [sqlStateClass.connectionException, sqlStateClass.insufficientResources, sqlStateClass.serverShutdown],
	names: [
		"BrokerDisconnectedError",
		"MaxRetriesPerRequestError",
		"SequelizeConnectionError",
		"SequelizeConnectionAcquireTimeoutError",
		"SequelizeConnectionRefusedError",
		"SequelizeConnectionTimedOutError",
		"SequelizeHostNotFoundError",
		"SequelizeHostNotReachableError",
		"SequelizeInvalidConnectionError",
	],
	/** How messages begin that come with neither a code nor a name of their own. */
	messages: [
		// pg
		"Connection terminated",
		"Query read timeout",
		"timeout exceeded when trying to connect",
		"timeout expired",
		"Client has encountered a connection error",
		"Client was closed and is not queryable",
		"Cannot use a pool after calling end on the pool",
		// Sequelize
		"ConnectionManager.getConnection was called after",
		"pool is draining",
		// ioredis
		"Connection is closed",
		"Command timed out",
		"Command aborted due to connection close",
		"Socket timeout",
		"Stream isn't writeable",
		"Ready check failed",
		// Redis: it starts, or another is the primary now.
		"LOADING ",
		"READONLY ",
		"MASTERDOWN ",
		"CLUSTERDOWN ",
		"TRYAGAIN ",
	],
};

const [types, codes, names] = [new Set(signs.types), new Set(signs.codes), new Set(signs.names)];

/** Whether an error says that something is not there right now, so that trying again later is worth it. */
export function isUnavailable(error: unknown): boolean {
	if (typeof error !== "object" || error === null) return false;
	const { type, code, name, message, original, cause } = error as Record<string, unknown>;
	return (
		types.has(String(type)) ||
		codes.has(String(code)) ||
		isSqlState(code, signs.codeClasses) ||
		names.has(String(name)) ||
		signs.messages.some((beginning) => String(message).startsWith(beginning)) ||
		// Sequelize keeps what pg said in `original`.
		isUnavailable(original ?? cause)
	);
}
