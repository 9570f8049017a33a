import { isDataException, sqlStateOf } from "../../lib/sqlstate.ts";

const withCode = (code: unknown) => Object.assign(new Error("from pg"), { code });

test.each([
	["an error of PostgreSQL", withCode("23505"), "23505"],
	["an error without a code", new Error("none"), ""],
	["what is no error", null, ""],
	["nothing", undefined, ""],
])("the SQLSTATE of %s", (_, error, expected) => {
	expect(sqlStateOf(error)).toBe(expected);
});

test.each([
	["a text that is not valid UTF-8", withCode("22021"), true],
	["a number out of range", withCode("22003"), true],
	["a violated unique key", withCode("23505"), false],
	["an error of the network", withCode("ECONNRESET"), false],
	["another part's code that begins alike", withCode("220"), false],
	["no error", undefined, false],
])("whether it is a value that PostgreSQL cannot store: %s", (_, error, expected) => {
	expect(isDataException(error)).toBe(expected);
});
