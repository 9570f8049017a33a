/** The error codes of PostgreSQL that Parley's decisions depend on, by their names in appendix A of its manual. */
export const sqlState = {
	uniqueViolation: "23505",
	readOnlySqlTransaction: "25006",
	idleInTransactionSessionTimeout: "25P03",
	invalidCatalogName: "3D000",
	serializationFailure: "40001",
	deadlockDetected: "40P01",
	lockNotAvailable: "55P03",
	queryCanceled: "57014",
} as const;

/** The first characters of the codes of a class. */
export const sqlStateClass = {
	connectionException: "08",
	dataException: "22",
	integrityConstraintViolation: "23",
	transactionRollback: "40",
	insufficientResources: "53",
	/** The part of class 57 that says that the server stops, has crashed or is starting. */
	serverShutdown: "57P",
} as const;

/** The SQLSTATE of an error that `pg` threw; another error's `code`, or an empty text. */
export function sqlStateOf(error: unknown): string {
	return String((error as { code?: unknown } | null | undefined)?.code ?? "");
}

/** Whether an error says that PostgreSQL cannot store one of the statement's values. */
export function isDataException(error: unknown): boolean {
	return isSqlState(sqlStateOf(error), [sqlStateClass.dataException]);
}

/** Whether `code` is an SQLSTATE that is, or begins with, one of `states`: whole codes or classes. */
export function isSqlState(code: unknown, states: readonly string[]): boolean {
	return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && states.some((state) => code.startsWith(state));
}
