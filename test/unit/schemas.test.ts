import type { z } from "zod";
import { ClientId, Id, InputTime, Limit, Line, Page, PlatformId, Seq, Text, Time, Whole, Xid } from "../../lib/schemas.ts";
import { parse } from "../../lib/validation.ts";

const uuid = "01A20726-E868-74AE-95FE-D3C6612B91CB";

test.each<[string, z.ZodType, unknown, unknown]>([
	["text", Text, "5 < 6 👍\n", "5 < 6 👍\n"],
	["empty text", Text, "", ""],
	["a line, trimmed", Line(3), "  abc ", "abc"],
	["a platform's id with anything in it", PlatformId, " Ünïcode/../' ", " Ünïcode/../' "],
	["an id, in lower case", Id, uuid, uuid.toLowerCase()],
	["a clientId, in lower case", ClientId, uuid, uuid.toLowerCase()],
	["a clientId of no known version", ClientId, "11111111-1111-1111-1111-111111111111", "11111111-1111-1111-1111-111111111111"],
	["a time", Time, "2026-11-23T06:00:00.000Z", "2026-11-23T06:00:00.000Z"],
	["a time with an offset, as UTC", InputTime, "2026-11-23T06:00:00+02:00", "2026-11-23T04:00:00.000Z"],
	["a time with microseconds, cut", InputTime, "2026-11-23T06:00:00.123456Z", "2026-11-23T06:00:00.123Z"],
	["the first time that there is", InputTime, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
	["the last time that there is", InputTime, "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
	["a whole number", Whole, -3, -3],
	["a whole number of a query string", Whole, "-42", -42],
	["no limit, as the default", Limit(50, 100), undefined, 50],
	["a limit of a query string", Limit(50, 100), "100", 100],
	["a seq", Seq, 1, 1],
	["a transaction's number", Xid, "18446744073709551615", "18446744073709551615"],
	["the last page", Page(Seq), { items: [1], nextCursor: null }, { items: [1], nextCursor: null }],
])("%s is understood", (_what, schema, value, expected) => {
	expect(parse(schema, value)).toEqual(expected);
});

test.each<[string, z.ZodType, unknown]>([
	["text with NUL", Text, "a\0b"],
	["text with half a character", Text, "\ud83d"],
	["a number as text", Text, 1],
	["a blank line", Line(3), "  "],
	["too long a line", Line(3), "abcd"],
	["an empty platform's id", PlatformId, ""],
	["a platform's id of 129 characters", PlatformId, "x".repeat(129)],
	["a clientId that is no UUID", ClientId, "1"],
	["a clientId with something around it", ClientId, ` ${uuid}`],
	["a time without milliseconds", Time, "2026-11-23T06:00:00Z"],
	["a day", InputTime, "2026-11-23"],
	["a time without an offset", InputTime, "2026-11-23T06:00:00"],
	["the 30th of February", InputTime, "2026-02-30T06:00:00Z"],
	["a time of the year 0", Time, "0000-01-01T00:00:00.000Z"],
	["a time of the year 0, typed", InputTime, "0000-12-31T23:59:59Z"],
	["a time that is of the year 0 in UTC", InputTime, "0001-01-01T00:00:00+00:01"],
	["a time that is of the year 10000 in UTC", InputTime, "9999-12-31T23:59:59-00:01"],
	["half a number", Whole, 0.5],
	["half a number of a query string", Whole, "0.5"],
	["a hexadecimal number", Whole, "0x10"],
	["a number that no double holds", Whole, "9999999999999999"],
	["no number", Whole, Number.NaN],
	["a limit of 0", Limit(50, 100), 0],
	["a limit above the largest", Limit(50, 100), 101],
	["seq 0", Seq, 0],
	["a transaction's number with a sign", Xid, "-1"],
	["a page without its cursor", Page(Seq), { items: [] }],
])("%s is refused, with the place and a reason", (_what, schema, value) => {
	expect(() => parse(schema, value)).toThrow(expect.objectContaining({ type: "VALIDATION_FAILED" }));
	expect(schema.safeParse(value).error?.issues[0]?.message).toMatch(/\w/);
});

test.each([["nonsense"], [""], [`${uuid}0`], [1], [null], [{}]])("the id %j names nothing that is there", (value) => {
	expect(() => parse(Id, value)).toThrow(expect.objectContaining({ type: "NOT_FOUND" }));
});
