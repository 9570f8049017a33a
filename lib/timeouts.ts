/**
 * How long each layer waits for the one below it, in milliseconds. Every outer limit is longer than what lies within it, so that
 * nothing which was given up goes on running unseen: a lock, within a statement, within its answer, within a call between
 * services, within the request of a client with all its repetitions.
 */

/** A statement that waits longer for a row that another transaction holds fails with 55P03. */
export const lockTimeoutMs = 1_000;

/** PostgreSQL ends a statement that runs longer (57014). */
export const statementTimeoutMs = 3_000;

/** A statement without an answer by then is given up on our side: its connection is silent, and is destroyed. */
export const queryTimeoutMs = statementTimeoutMs + 500;

/** How long opening a connection to PostgreSQL, or waiting for a free one of the pool, may take. */
export const connectTimeoutMs = 2_000;

/** One attempt of a call between services: a connection, a statement, and the way there and back. */
export const callTimeoutMs = connectTimeoutMs + queryTimeoutMs + 500;

/** A client's request with all attempts. Below the 10 s after which the typed client gives an acknowledgement up. */
export const requestDeadlineMs = 9_000;
