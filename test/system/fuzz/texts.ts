import fc, { type Arbitrary } from "fast-check";

/** Makes bytes out of a JSON text; most leave it as it is. */
type Twist = (json: string, at: number) => Buffer;

const plain: Twist = (json) => Buffer.from(json);

/** An object's text with one more field at its beginning, which may be there already. */
const withField =
	(field: string): Twist =>
	(json) =>
		Buffer.from(json === "{}" ? `{${field}}` : `{${field},${json.slice(1)}`);

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
const nestedObjects = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

const insert =
	(...bytes: number[]): Twist =>
	(json, at) => {
		const text = Buffer.from(json);
		const place = at % (text.length + 1);
		return Buffer.concat([text.subarray(0, place), Buffer.from(bytes), text.subarray(place)]);
	};

const twists: Twist[] = [
	// Twice the same key: the last one counts, or the request is refused.
	(json, at) => {
		const keys = Object.keys(JSON.parse(json));
		return withField(`${JSON.stringify(keys[at % Math.max(keys.length, 1)] ?? "a")}:[1]`)(json, at);
	},
	withField('"__proto__":{"conversationId":"x","admin":true}'),
	withField('"__proto__":null'),
	withField('"constructor":{"prototype":{"isAdmin":true}}'),
	withField(`"metadata":{"__proto__":1}`),
	withField(`"metadata":${nested(5_000)}`),
	withField(`"deep":${nested(50_000)}`),
	withField(`"content":${nestedObjects(10_000)}`),
	withField(`"metadata":${nestedObjects(10_000)}`),
	withField(`"long":"${"x".repeat(100_000)}"`),
	withField(`"metadata":{${Array.from({ length: 5_000 }, (_, i) => `"k${i}":[]`).join()}}`),
	withField('"seq":1e999,"limit":-0,"sizeBytes":123456789012345678901234567890'),
	withField('"content":"\\ud800","q":"\\udfff"'),
	withField('"content":"\\u0000","q":"\\u0000"'),
	insert(0x80),
	insert(0xed, 0xa0, 0x80),
	insert(0xc0, 0xaf),
	insert(0x00),
	insert(0xef, 0xbb, 0xbf),
	(json, at) => Buffer.from(json).subarray(0, at % (json.length + 1)),
	(json) => Buffer.from(`[${json}]`),
	() => Buffer.from("null"),
	() => Buffer.from(nested(60_000)),
	() => Buffer.from('"text"'),
];

/** What is said on the wire for such an input. */
export function textsOf(inputs: Arbitrary<Record<string, unknown>>): Arbitrary<Buffer> {
	const twist = fc.oneof({ weight: 3, arbitrary: fc.constant(plain) }, { weight: 2, arbitrary: fc.constantFrom(...twists) });
	return fc.tuple(inputs, twist, fc.nat()).map(([input, change, at]) => change(JSON.stringify(input), at));
}
