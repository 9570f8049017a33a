import { Errors } from "moleculer";
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
	const original = new ParleyError("CLIENT_ID_REUSED", { details: { seq: 1 } });
	const { name, message, code, type, data } = original;
	const arrived = Object.assign(new Error(message), { name, code, type, data, retryable: false, nodeID: "other" });
	expect(publicError(arrived)).toEqual(publicError(original));
});

test.each<[string, unknown, ErrorCode]>([
	["no node has the service", new Errors.ServiceNotFoundError({ action: "messages.send" }), "UNAVAILABLE"],
	["no node is there", new Errors.ServiceNotAvailableError({ action: "messages.send" }), "UNAVAILABLE"],
	["time is up", new Errors.RequestTimeoutError({ action: "messages.send", nodeID: "a" }), "UNAVAILABLE"],
	["a call was skipped", new Errors.RequestSkippedError({ action: "messages.send" }), "UNAVAILABLE"],
	["a node went with our call", new Errors.RequestRejectedError({ action: "messages.send" }), "UNAVAILABLE"],
	["a queue is full", new Errors.QueueIsFullError({ action: "messages.send", nodeID: "a" }), "UNAVAILABLE"],
	["PostgreSQL refuses the connection", Object.assign(new Error("connect"), { code: "ECONNREFUSED" }), "UNAVAILABLE"],
	["a connection is reset", Object.assign(new Error("read"), { code: "ECONNRESET" }), "UNAVAILABLE"],
	["PostgreSQL is shut down", Object.assign(new Error("terminating"), { code: "57P01" }), "UNAVAILABLE"],
	["PostgreSQL is starting", Object.assign(new Error("starting up"), { code: "57P03" }), "UNAVAILABLE"],
	["PostgreSQL has no connection left", Object.assign(new Error("too many"), { code: "53300" }), "UNAVAILABLE"],
	["a connection ended", new Error("Connection terminated unexpectedly"), "UNAVAILABLE"],
	["the pool is exhausted", new Error("timeout exceeded when trying to connect"), "UNAVAILABLE"],
	["a body is no JSON", Object.assign(new Error("Unexpected token"), { type: "entity.parse.failed" }), "MALFORMED_JSON"],
	["a body is cut off", Object.assign(new Error("aborted"), { type: "request.aborted" }), "MALFORMED_JSON"],
	["a body is too large", Object.assign(new Error("too large"), { type: "entity.too.large" }), "PAYLOAD_TOO_LARGE"],
	["a body's charset is unknown", Object.assign(new Error("charset"), { type: "charset.unsupported" }), "UNSUPPORTED_MEDIA_TYPE"],
	[
		"a body is packed in an unknown way",
		Object.assign(new Error("x"), { type: "encoding.unsupported" }),
		"UNSUPPORTED_MEDIA_TYPE",
	],
	["a key is broken", Object.assign(new Error("duplicate key (secret)"), { code: "23505", detail: "secret" }), "INTERNAL"],
	["a programming error", new TypeError("secret is undefined"), "INTERNAL"],
	["a text is thrown", "secret", "INTERNAL"],
	["nothing is thrown", undefined, "INTERNAL"],
	["null is thrown", null, "INTERNAL"],
])("when %s, the client sees a code of the catalogue and nothing else", (_what, error, code) => {
	expect(publicError(error)).toEqual({ code, message: errorCatalogue[code].message });
});

test("what an INTERNAL error says of itself does not leave", () => {
	expect(publicError(new ParleyError("INTERNAL", { message: "the password is hunter2" }))).toEqual({
		code: "INTERNAL",
		message: errorCatalogue.INTERNAL.message,
	});
});

test("details of an INTERNAL error do not leave", () => {
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
