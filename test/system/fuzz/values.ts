import fc, { type Arbitrary } from "fast-check";
import { z } from "zod";

type Schema = z.core.JSONSchema.JSONSchema;

/** Values of things that exist, by the name of the field that means them. Those of other fields are tried there as well. */
export type Known = Record<string, string[]>;

/** What contracts say of their input, as far as JSON Schema can say it, as an arbitrary: most fields are as they should be. */
export function inputsOf(params: z.ZodType, known: Known): Arbitrary<Record<string, unknown>> {
	const { properties = {}, required = [] } = z.toJSONSchema(params, { io: "input", unrepresentable: "any" });
	const fields = Object.entries(properties).map(([name, schema]): [string, Arbitrary<unknown>] => [
		name,
		fc.oneof({ weight: 12, arbitrary: like(schema, name, known) }, { weight: 1, arbitrary: nonsense(known) }),
	]);
	const asItShouldBe = fc.record(Object.fromEntries(fields), { requiredKeys: required });
	const incomplete = fc.record(Object.fromEntries(fields), { requiredKeys: [] });
	const more = fc.tuple(incomplete, fc.dictionary(names, nonsense(known), { maxKeys: 3 })).map(([some, others]) => {
		return Object.assign(Object.create(null), some, others) as Record<string, unknown>;
	});
	return fc.oneof({ weight: 4, arbitrary: asItShouldBe }, { weight: 2, arbitrary: incomplete }, { weight: 1, arbitrary: more });
}

/** Names that JavaScript gives a meaning to, and others. */
const names = fc.oneof(
	fc.constantFrom("constructor", "prototype", "toString", "hasOwnProperty", "$gt", "user", "$via", "", "a.b", "a[b]"),
	fc.string(),
);

/** What a field holds according to its schema. */
function like(schema: Schema | boolean, name: string, known: Known): Arbitrary<unknown> {
	if (typeof schema === "boolean") return nonsense(known);
	const { anyOf, enum: options, type } = schema;
	if (anyOf) return fc.oneof(...anyOf.map((option) => like(option, name, known)));
	if (options) return fc.constantFrom(...options);
	if (schema.const !== undefined) return fc.constant(schema.const);
	const types = [type ?? "anything"].flat();
	return fc.oneof(...types.map((one) => ofType(one, schema, name, known)));
}

function ofType(type: string, schema: Schema, name: string, known: Known): Arbitrary<unknown> {
	switch (type) {
		case "string":
			return text(schema, name, known);
		case "integer":
		case "number":
			return fc.oneof(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 100 }), fc.maxSafeInteger());
		case "boolean":
			return fc.boolean();
		case "null":
			return fc.constant(null);
		case "array":
			return fc.array(nonsense(known), { maxLength: 5 });
		default:
			return fc.dictionary(names, fc.oneof(fc.string(), fc.double(), fc.boolean()), { maxKeys: 5 });
	}
}

function text({ format, pattern }: Schema, name: string, known: Known): Arbitrary<string> {
	const existing = known[name] ?? [];
	const real = existing.length > 0 ? [fc.constantFrom(...existing)] : [];
	if (format === "uuid") return fc.oneof(...real, ...real, ...real, fc.uuid());
	if (format === "date-time") return fc.oneof(fc.constantFrom(...oddTimes), times);
	if (format === "email") return fc.emailAddress();
	if (pattern !== undefined) return fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer()).map(String);
	return fc.oneof(
		...real,
		...real,
		...(existing.length > 0 ? [cursorsLike(existing)] : []),
		fc.string({ unit: "grapheme" }),
		oddStrings,
	);
}

const times = fc
	.date({ noInvalidDate: true, min: new Date("0001-01-02"), max: new Date("9998-12-31") })
	.map((at) => at.toISOString());

const oddTimes = [
	"0000-01-01T00:00:00Z",
	"0000-01-01T00:00:00+23:59",
	"0001-01-01T00:00:00+14:00",
	"1970-01-01T00:00:00.000000001Z",
	"2024-02-29T24:00:00Z",
	"9999-12-31T23:59:59.999Z",
	"9999-12-31T23:59:59-23:59",
	"+010000-01-01T00:00:00Z",
];

/** What was a cursor, with other values in it. */
function cursorsLike(cursors: string[]): Arbitrary<string> {
	const values = fc.oneof(
		fc.constantFrom<unknown>(...oddTimes, null, -1, 0, 1e300, 2 ** 53, "00000000-0000-0000-0000-000000000000"),
		fc.jsonValue(),
	);
	return fc.tuple(fc.constantFrom(...cursors), fc.nat(), values).map(([cursor, at, value]) => {
		const decoded = decode(cursor);
		if (typeof decoded !== "object" || decoded === null) return encode(value);
		const keys = Object.keys(decoded);
		const key = keys[at % Math.max(keys.length, 1)] ?? "0";
		return encode(Array.isArray(decoded) ? decoded.with(Number(key), value) : { ...decoded, [key]: value });
	});
}

function encode(value: unknown): string {
	return Buffer.from(JSON.stringify(value) ?? "").toString("base64url");
}

function decode(cursor: string): unknown {
	try {
		return JSON.parse(Buffer.from(cursor, "base64url").toString());
	} catch {
		return undefined;
	}
}

const oddStrings = fc.oneof(
	fc.constantFrom(
		...oddTimes,
		"\0",
		"a\0b",
		"\ud800",
		"\udc00\ud800",
		"__proto__",
		"constructor",
		"%00",
		"..",
		"{}",
		"-0",
		"1e999",
	),
	fc.constantFrom(
		'"a',
		'"a b" -c',
		"-",
		"a:b",
		"from:x",
		"before:0000-01-01",
		"after:99999-01-01",
		"* ? ~",
		"\u202e",
		"🙂".repeat(300),
	),
	fc.string({ unit: "binary", maxLength: 300 }),
	fc.constantFrom("x", " ", "<b>", "! ", "ﷺ", "é").map((piece) => piece.repeat(6_000)),
);

/** Of any other type than is wanted, or as far away as can be. */
function nonsense(known: Known): Arbitrary<unknown> {
	const existing = Object.values(known).flat();
	return fc.oneof(
		fc.jsonValue({ maxDepth: 3 }),
		fc.constantFrom<unknown>(null, true, false, 0, -0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, [], {}, [[]], ""),
		oddStrings,
		...(existing.length > 0 ? [fc.constantFrom(...existing)] : []),
	);
}
