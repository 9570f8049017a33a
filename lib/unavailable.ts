import { isSqlState, sqlState, sqlStateClass } from "./sqlstate.ts";

/**
 * Errors which say that PostgreSQL, Redis, the bus or another node cannot be reached, is overloaded or is in a failover, so that
 * the same request may succeed later. From other nodes these errors arrive as plain Errors with `name`, `message`, `code` and
 * `type`.
 */
const known = {
	/** Of Moleculer's errors. */
	types: [
		"SERVICE_NOT_FOUND",
		"SERVICE_NOT_AVAILABLE",
		"REQUEST_TIMEOUT",
		"REQUEST_SKIPPED",
		"REQUEST_REJECTED",
		"QUEUE_FULL",
		// Parley's own, for lost fragments (middlewares/fragments).
		"PACKET_LOST",
		// Of BrokerDisconnectedError.
		"BAD_GATEWAY",
		"GRACEFUL_STOP_TIMEOUT",
	],
	codes: [
		...["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EADDRNOTAVAIL"],
		...["ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN"],
		// The NATS client: the connection, no answer in time, no subscriber (503).
		...["CONNECTION_CLOSED", "CONNECTION_DRAINING", "CONNECTION_REFUSED", "CONNECTION_TIMEOUT", "DISCONNECT", "TIMEOUT", "503"],
		// PostgreSQL: a statement, a lock or an idle transaction took too long.
		...[sqlState.queryCanceled, sqlState.lockNotAvailable, sqlState.idleInTransactionSessionTimeout],
		// After a failover the connection may still lead to the former primary, which is read-only.
		sqlState.readOnlySqlTransaction,
		// A conflict with another transaction.
		...[sqlState.serializationFailure, sqlState.deadlockDetected],
	],
	/** PostgreSQL: the connection failed; out of connections, memory or disk; the server stops or starts. */
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
	/** For errors that have neither a code nor a name of their own: the beginnings of their messages. */
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
		// Redis starts, or another node is the primary now.
		"LOADING ",
		"READONLY ",
		"MASTERDOWN ",
		"CLUSTERDOWN ",
		"TRYAGAIN ",
	],
};

const [types, codes, names] = [new Set(known.types), new Set<string>(known.codes), new Set(known.names)];

/** Whether an error is a temporary one, so that the same request may succeed later. */
export function isUnavailable(error: unknown): boolean {
	if (typeof error !== "object" || error === null) return false;
	const { type, code, name, message, original, cause } = error as Record<string, unknown>;
	return (
		types.has(String(type)) ||
		codes.has(String(code)) ||
		isSqlState(code, known.codeClasses) ||
		names.has(String(name)) ||
		known.messages.some((beginning) => String(message).startsWith(beginning)) ||
		// Sequelize keeps pg's error in `original`.
		isUnavailable(original ?? cause)
	);
}
