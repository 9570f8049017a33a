import { Errors } from "moleculer";
import {
	ConnectionAcquireTimeoutError,
	ConnectionError,
	ConnectionRefusedError,
	ConnectionTimedOutError,
	DatabaseError,
	HostNotFoundError,
	HostNotReachableError,
} from "sequelize";
import { type ErrorCode, errorCatalogue, isUnexpected, ParleyError, publicError } from "../../lib/errors.ts";

const codes = Object.keys(errorCatalogue) as ErrorCode[];

test.each(codes)("%s carries its status and sentence, and reaches the client as it is", (code) => {
	const { status, message } = errorCatalogue[code];
	const error = new ParleyError(code);
	expect(error).toMatchObject({ type: code, code: status, message, name: "ParleyError" });
	expect(publicError(error)).toEqual({ code, message });
	expect(isUnexpected({ code, message })).toBe(status >= 500);
});

test("a message and details of one's own are for the client; a cause is not", () => {
	const cause = new Error("the database says: password is hunter2");
	const error = new ParleyError("VALIDATION_FAILED", { message: "No.", details: [{ path: "a", message: "b" }], cause });
	expect(error.cause).toBe(cause);
	expect(publicError(error)).toEqual({ code: "VALIDATION_FAILED", message: "No.", details: [{ path: "a", message: "b" }] });
});

test("an error is the same after it came from another node, where it is a plain Error", () => {
	const original = new ParleyError("IMAGE_REJECTED", { details: { reason: "CORRUPT" } });
	const { name, message, code, type, data } = original;
	const arrived = Object.assign(new Error(message), { name, code, type, data, retryable: false, nodeID: "other" });
	expect(publicError(arrived)).toEqual(publicError(original));
});

test.each<[string, unknown, ErrorCode]>([
	["a body is no JSON", Object.assign(new Error("Unexpected token"), { type: "entity.parse.failed" }), "MALFORMED_JSON"],
	["a body is cut off", Object.assign(new Error("aborted"), { type: "request.aborted" }), "MALFORMED_JSON"],
	["a sender went", Object.assign(new Error("aborted"), { type: "request.aborted", code: "ECONNABORTED" }), "MALFORMED_JSON"],
	["a body is too large", Object.assign(new Error("too large"), { type: "entity.too.large" }), "PAYLOAD_TOO_LARGE"],
	["a body's charset is unknown", Object.assign(new Error("charset"), { type: "charset.unsupported" }), "UNSUPPORTED_MEDIA_TYPE"],
	[
		"a body is packed in an unknown way",
		Object.assign(new Error("x"), { type: "encoding.unsupported" }),
		"UNSUPPORTED_MEDIA_TYPE",
	],
	["a statement is wrong", withCode("42P01", "relation does not exist"), "INTERNAL"],
	["PostgreSQL does not know us", withCode("28P01", "password authentication failed"), "INTERNAL"],
	["a file is missing", withCode("ENOENT", "no such file"), "INTERNAL"],
	["a model is wrong", new DatabaseError(parentOf("42703", "no such column")), "INTERNAL"],
	["a key is broken", Object.assign(new Error("duplicate key (secret)"), { code: "23505", detail: "secret" }), "INTERNAL"],
	["a programming error", new TypeError("secret is undefined"), "INTERNAL"],
	["a text is thrown", "secret", "INTERNAL"],
	["nothing is thrown", undefined, "INTERNAL"],
	["null is thrown", null, "INTERNAL"],
])("when %s, the client sees a code of the catalogue and nothing else", (_what, error, code) => {
	expect(publicError(error)).toEqual({ code, message: errorCatalogue[code].message });
});

const call = { action: "messages.send", nodeID: "a" };

test.each<[string, Error]>([
	["no node has the service", new Errors.ServiceNotFoundError(call)],
	["no node is there", new Errors.ServiceNotAvailableError(call)],
	["time is up", new Errors.RequestTimeoutError(call)],
	["a call was skipped", new Errors.RequestSkippedError(call)],
	["a node went with our call", new Errors.RequestRejectedError(call)],
	["a queue is full", new Errors.QueueIsFullError(call)],
	["the broker is not connected", named(new Error("connection is lost"), "BrokerDisconnectedError", "BAD_GATEWAY")],
	["a node does not end in time", new Errors.GracefulStopTimeoutError({})],
	["PostgreSQL refuses the connection", withCode("ECONNREFUSED")],
	["a connection is reset", withCode("ECONNRESET")],
	["a connection was closed", withCode("EPIPE")],
	["nobody answers to TCP", withCode("ETIMEDOUT")],
	["a host has no address", withCode("ENOTFOUND")],
	["the name server is away", withCode("EAI_AGAIN")],
	["there is no way to a host", withCode("EHOSTUNREACH")],
	["there is no way to a network", withCode("ENETUNREACH")],
	["PostgreSQL is shut down", withCode("57P01")],
	["PostgreSQL crashed", withCode("57P02")],
	["PostgreSQL is starting", withCode("57P03")],
	["PostgreSQL has no connection left", withCode("53300")],
	["the disk of PostgreSQL is full", withCode("53100")],
	["PostgreSQL's protocol broke off", withCode("08P01")],
	["a connection to PostgreSQL failed", withCode("08006")],
	["a statement took too long", withCode("57014", "canceling statement due to statement timeout")],
	["a lock took too long", withCode("55P03", "canceling statement due to lock timeout")],
	["a transaction did nothing for too long", withCode("25P03")],
	["PostgreSQL only reads after a failover", withCode("25006")],
	["two transactions were in conflict", withCode("40001")],
	["two transactions waited for each other", withCode("40P01")],
	["a connection ended", new Error("Connection terminated unexpectedly")],
	["a connection could not be opened in time", new Error("Connection terminated due to connection timeout")],
	["the pool is exhausted", new Error("timeout exceeded when trying to connect")],
	["PostgreSQL does not answer", new Error("Query read timeout")],
	["a connection is broken", new Error("Client has encountered a connection error and is not queryable")],
	["the pool is closed", new Error("Cannot use a pool after calling end on the pool")],
	["Sequelize's connection fails", new ConnectionError(new Error("terminated"))],
	["Sequelize's connection is refused", new ConnectionRefusedError(withCode("ECONNREFUSED"))],
	["Sequelize gets no connection in time", new ConnectionAcquireTimeoutError(new Error("ResourceRequest timed out"))],
	["Sequelize's host is not found", new HostNotFoundError(withCode("ENOTFOUND"))],
	["Sequelize's host cannot be reached", new HostNotReachableError(withCode("EHOSTUNREACH"))],
	["Sequelize's connection is not opened in time", new ConnectionTimedOutError(new Error("Connection timed out"))],
	["Sequelize's statement took too long", new DatabaseError(parentOf("57014", "canceling statement"))],
	["Sequelize's connection is silent", new DatabaseError(parentOf("", "Query read timeout"))],
	["Redis is not connected", new Error("Connection is closed.")],
	["Redis cannot be written to", new Error("Stream isn't writeable and enableOfflineQueue options is false")],
	["Redis does not answer", new Error("Command timed out")],
	["the connection to Redis is silent", new Error("Socket timeout. Expecting data, but didn't receive any in 1000ms.")],
	["Redis is not to be reached", Object.assign(new Error("Reached the max"), { name: "MaxRetriesPerRequestError" })],
	["the connection to Redis broke", Object.assign(new Error("Command aborted due to connection close"), { name: "AbortError" })],
	["Redis is starting", Object.assign(new Error("LOADING Redis is loading the dataset"), { name: "ReplyError" })],
	["Redis only reads after a failover", Object.assign(new Error("READONLY You can't write"), { name: "ReplyError" })],
	["the bus is closed", withCode("CONNECTION_CLOSED")],
	["nobody listens on the bus", withCode("503")],
])("when %s, it is UNAVAILABLE, here and from another node", (_what, error) => {
	const expected = { code: "UNAVAILABLE", message: errorCatalogue.UNAVAILABLE.message };
	expect(publicError(error)).toEqual(expected);
	// Sequelize's `original` stays behind; `crud` turns those errors before they leave.
	if (error instanceof DatabaseError) return;
	const { name, message, code, type } = error as Error & { code?: unknown; type?: unknown };
	expect(publicError(Object.assign(new Error(message), { name, code, type, retryable: true, nodeID: "other" }))).toEqual(
		expected,
	);
});

test("an error is UNAVAILABLE when its cause is", () => {
	expect(publicError(new TypeError("fetch failed", { cause: withCode("ECONNREFUSED") }))).toMatchObject({ code: "UNAVAILABLE" });
});

test("what an INTERNAL error says of itself does not leave", () => {
	expect(publicError(new ParleyError("INTERNAL", { message: "the password is hunter2" }))).toEqual({
		code: "INTERNAL",
		message: errorCatalogue.INTERNAL.message,
	});
});

test("details of an INTERNAL error do not leave", () => {
	// @ts-expect-error an INTERNAL error has no details
	expect(publicError(new ParleyError("INTERNAL", { details: { password: "hunter2" } }))).toEqual({
		code: "INTERNAL",
		message: "Something went wrong.",
	});
});

test.each(["constructor", "toString", "__proto__"])(
	"a foreign error of type %s is INTERNAL, and nothing of it leaves",
	(type) => {
		expect(publicError(Object.assign(new Error("secret"), { type }))).toEqual({
			code: "INTERNAL",
			message: "Something went wrong.",
		});
	},
);

function named(error: Error, name: string, type: string): Error {
	return Object.assign(error, { name, type });
}

function withCode(code: string, message = "no details"): Error {
	return Object.assign(new Error(message), { code });
}

/** An error of PostgreSQL's as Sequelize gets it. */
function parentOf(code: string, message: string) {
	return Object.assign(new Error(message), { code, sql: "select" });
}
