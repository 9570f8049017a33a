/** PostgreSQL's error codes by which the code decides what to do (PostgreSQL's documentation, appendix A). */
export const sqlStates = {
	uniqueViolation: "23505",
	serializationFailure: "40001",
	deadlockDetected: "40P01",
	lockNotAvailable: "55P03",
	/** Cancelled, or over its time limit. */
	queryCanceled: "57014",
	idleInTransactionTimeout: "25P03",
	readOnlyTransaction: "25006",
} as const;

/** The SQLSTATE of an error that `pg` threw; another error's `code`, or an empty text. */
export function sqlStateOf(error: unknown): string {
	return String((error as { code?: unknown } | null)?.code ?? "");
}

/** Class 22: PostgreSQL cannot store one of the statement's values. */
export function isDataException(error: unknown): boolean {
	return /^22[0-9A-Z]{3}$/.test(sqlStateOf(error));
}
