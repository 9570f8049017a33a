import { z } from "zod";

/*
 * `.meta` adds what zod leaves out of a JSON Schema: refinements, and what comes after a pipe. Its keys go into the JSON Schema
 * as they are.
 */

/** Text that PostgreSQL can hold and every client can show: no NUL, no lone surrogate. */
export const Text = z
	.string()
	.refine((text) => !text.includes("\0"), "must not contain NUL")
	.refine((text) => text.isWellFormed(), "must be well-formed Unicode")
	.meta({ description: "Well-formed Unicode without NUL." });

/** A line of text as people enter it: trimmed, at most `max` characters. */
export const Line = (max: number) =>
	Text.pipe(z.string().trim().min(1).max(max)).meta({
		description: `Well-formed Unicode without NUL; trimmed; then 1 to ${max} characters.`,
		minLength: 1,
	});

/** Words to search for: trimmed, not empty, at most `max` characters. */
export const Query = (max: number) => Text.pipe(z.string().trim().min(1, "must not be empty").max(max)).meta({ minLength: 1 });

/** An id that the hiring platform made: users and job applications. */
export const PlatformId = Text.pipe(z.string().min(1).max(128)).meta({
	description: "An id of the hiring platform's own: well-formed Unicode without NUL.",
	minLength: 1,
	maxLength: 128,
});

/** An id that Parley made. A malformed one cannot exist, so the answer is the same as for an unknown id. */
export const Id = z
	.guid({ error: "NOT_FOUND" })
	.transform((id) => id.toLowerCase())
	.meta({ description: "An id that Parley made. The answer to a malformed one is NOT_FOUND, as to an unknown one." });

/** A UUID made by the client; compared without case, as UUIDs are. */
export const ClientId = z
	.guid()
	.transform((id) => id.toLowerCase())
	.meta({ description: "A UUID that the client makes, compared without case." });

/** Only the years 1 to 9999: PostgreSQL has no year 0, and our format has four digits. */
const hasYear = (time: string) => /^(?!0000)\d{4}-/.test(time);
const yearError = "must be of a year from 0001 to 9999";

/** ISO 8601 in UTC with milliseconds. */
export const Time = z.iso
	.datetime({ precision: 3 })
	.refine(hasYear, yearError)
	.meta({ description: "ISO 8601 in UTC with milliseconds.", examples: ["2026-11-23T06:00:00.000Z"] });

/** A time as a client may write it: ISO 8601 with any offset and precision; read as UTC with milliseconds. */
export const InputTime = z.iso
	.datetime({ offset: true })
	.transform((time) => new Date(time).toISOString())
	.refine(hasYear, yearError)
	.meta({
		description: "ISO 8601 with an offset, of a year from 0001 to 9999; read as UTC with milliseconds.",
		examples: ["2026-11-23T08:00:00+02:00"],
	});

/** A time zone by its IANA name. */
export const Timezone = z
	.string()
	.max(64)
	.refine(isTimezone, "must be an IANA time zone")
	.meta({ description: "The IANA name of a time zone.", examples: ["Europe/Vienna"] });

/** A whole number, also as the digits of a query string. */
export const Whole = z.union([
	z.int(),
	z
		.string()
		.regex(/^-?\d{1,15}$/, "must be a whole number")
		.transform(Number),
]);

/** How many items a page may have. */
export const Limit = (fallback: number, max: number) =>
	Whole.pipe(z.int().min(1).max(max))
		.default(fallback)
		.meta({ description: `The most items that a page may have: 1 to ${max}.` });

/** Position of a message in its conversation: 1, 2, 3 … without gaps. */
export const Seq = z
	.int()
	.positive()
	.meta({ description: "The position of a message in its conversation: 1, 2, 3 … without gaps." });

/** One page of a list. */
export const Page = <Item extends z.ZodType>(item: Item) =>
	z.object({
		items: z.array(item),
		nextCursor: z.string().nullable().meta({ description: "The `cursor` of the next page; null on the last page." }),
	});

/** The number of a PostgreSQL transaction, as digits. */
export const Xid = z.string().regex(/^\d{1,20}$/);

function isTimezone(name: string): boolean {
	try {
		new Intl.DateTimeFormat("en", { timeZone: name });
		return true;
	} catch {
		return false;
	}
}
