/**
 * How long each layer waits for the one below it, in milliseconds. Every limit is longer than the one inside it, so that no work goes on
 * after its caller has given up. From the inside: a lock, a statement, its answer, a call between services, the request of a client
 * with all its repetitions.
 */

/** A statement that waits longer for a row lock fails (55P03). */
export const lockTimeoutMs = 1_000;

/** PostgreSQL ends a statement that runs longer (57014). */
export const statementTimeoutMs = 3_000;

/** A statement without an answer after this time is given up, and its connection is destroyed. */
export const queryTimeoutMs = statementTimeoutMs + 500;

/** How long opening a connection to PostgreSQL, or waiting for a free one of the pool, may take. */
export const connectTimeoutMs = 2_000;

/** One attempt of a call between services: opening a connection, one statement, and the way there and back. */
export const callTimeoutMs = connectTimeoutMs + queryTimeoutMs + 500;

/** A client's request with all attempts. Shorter than the 10 s for which the typed client waits for an acknowledgement. */
export const requestDeadlineMs = 9_000;
