import fc from "fast-check";
import { quietUntil } from "../../services/notifier/settings/quiet-hours.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

test.each<[string, string, string, string | null]>([
	// zone, start-end, now, until
	["UTC", "22:00-07:00", "2026-06-01T21:59:59.999Z", null],
	["UTC", "22:00-07:00", "2026-06-01T22:00:00.000Z", "2026-06-02T07:00:00.000Z"],
	["UTC", "22:00-07:00", "2026-06-02T00:00:00.000Z", "2026-06-02T07:00:00.000Z"],
	["UTC", "22:00-07:00", "2026-06-02T06:59:59.999Z", "2026-06-02T07:00:00.000Z"],
	["UTC", "22:00-07:00", "2026-06-02T07:00:00.000Z", null],
	["UTC", "12:00-13:00", "2026-06-02T12:30:00.000Z", "2026-06-02T13:00:00.000Z"],
	["UTC", "12:00-13:00", "2026-06-02T13:00:00.000Z", null],
	["UTC", "00:00-23:59", "2026-06-02T23:59:30.000Z", null],
	["UTC", "22:00-00:00", "2026-12-31T23:00:00.000Z", "2027-01-01T00:00:00.000Z"],

	// 2026-03-29: 02:00 is followed by 03:00. 2026-10-25: 03:00 is followed by 02:00.
	["Europe/Berlin", "22:00-07:00", "2026-03-28T21:00:00.000Z", "2026-03-29T05:00:00.000Z"],
	["Europe/Berlin", "22:00-07:00", "2026-10-24T20:00:00.000Z", "2026-10-25T06:00:00.000Z"],
	["Europe/Berlin", "22:00-02:30", "2026-03-29T00:59:00.000Z", "2026-03-29T01:00:00.000Z"],
	["Europe/Berlin", "22:00-02:30", "2026-03-29T01:00:00.000Z", null],
	["Europe/Berlin", "02:30-07:00", "2026-03-29T00:59:59.000Z", null],
	["Europe/Berlin", "02:30-07:00", "2026-03-29T01:00:00.000Z", "2026-03-29T05:00:00.000Z"],
	["Europe/Berlin", "02:15-02:45", "2026-03-29T01:00:00.000Z", null],
	["Europe/Berlin", "02:31-02:30", "2026-03-28T12:00:00.000Z", "2026-03-30T00:30:00.000Z"],
	["Europe/Berlin", "22:00-02:30", "2026-10-25T00:29:00.000Z", "2026-10-25T00:30:00.000Z"],
	["Europe/Berlin", "22:00-02:30", "2026-10-25T01:15:00.000Z", null],
	["Europe/Berlin", "02:30-07:00", "2026-10-25T00:29:00.000Z", null],
	["Europe/Berlin", "02:30-07:00", "2026-10-25T01:15:00.000Z", "2026-10-25T06:00:00.000Z"],

	// 2026-03-08: 02:00 is followed by 03:00. 2026-11-01: 02:00 is followed by 01:00.
	["America/New_York", "22:00-02:30", "2026-03-08T06:59:00.000Z", "2026-03-08T07:00:00.000Z"],
	["America/New_York", "22:00-01:30", "2026-11-01T05:29:00.000Z", "2026-11-01T05:30:00.000Z"],
	["America/New_York", "22:00-01:30", "2026-11-01T06:15:00.000Z", null],
	["America/New_York", "22:00-07:00", "2026-11-01T02:00:00.000Z", "2026-11-01T12:00:00.000Z"],

	// Half an hour. 2026-10-04: 02:00 is followed by 02:30. 2026-04-05: 02:00 is followed by 01:30.
	["Australia/Lord_Howe", "22:00-02:15", "2026-10-03T15:29:00.000Z", "2026-10-03T15:30:00.000Z"],
	["Australia/Lord_Howe", "22:00-02:15", "2026-10-03T15:30:00.000Z", null],
	["Australia/Lord_Howe", "22:00-01:45", "2026-04-04T14:44:00.000Z", "2026-04-04T14:45:00.000Z"],
	["Australia/Lord_Howe", "22:00-01:45", "2026-04-04T15:05:00.000Z", null],

	// In Ramadan the clock is set back. 2026-02-15: 03:00 is followed by 02:00. 2026-03-22: 02:00 is followed by 03:00.
	["Africa/Casablanca", "22:00-02:30", "2026-02-15T01:29:00.000Z", "2026-02-15T01:30:00.000Z"],
	["Africa/Casablanca", "22:00-02:30", "2026-02-15T02:10:00.000Z", null],
	["Africa/Casablanca", "22:00-02:30", "2026-03-22T01:59:00.000Z", "2026-03-22T02:00:00.000Z"],

	["Asia/Kolkata", "22:00-07:00", "2026-06-01T16:30:00.000Z", "2026-06-02T01:30:00.000Z"],
	["Asia/Kolkata", "22:00-07:00", "2026-06-01T16:29:00.000Z", null],
	["Pacific/Apia", "22:00-07:00", "2026-06-01T09:00:00.000Z", "2026-06-01T18:00:00.000Z"],
	// It had no 30 December 2011.
	["Pacific/Apia", "22:00-07:00", "2011-12-30T09:00:00.000Z", "2011-12-30T17:00:00.000Z"],
	["+05:30", "22:00-07:00", "2026-06-01T16:30:00.000Z", "2026-06-02T01:30:00.000Z"],
])("in %s with %s, quiet at %s is until %s", (timezone, hours, now, until) => {
	const [start = "", end = ""] = hours.split("-");
	const found = quietUntil({ enabled: true, start, end, timezone }, Date.parse(now));
	expect(found === null ? null : new Date(found).toISOString()).toBe(until);
});

test("quiet hours that are off are never", () => {
	const off = { enabled: false, start: "00:00", end: "23:59", timezone: "UTC" };
	expect(quietUntil(off, Date.parse("2026-06-01T12:00:00Z"))).toBeNull();
});

/** Days on which the clocks of these zones are set, and one on which they are not. */
const days: [string, string][] = [
	["Europe/Berlin", "2026-03-29"],
	["Europe/Berlin", "2026-10-25"],
	["America/New_York", "2026-03-08"],
	["America/New_York", "2026-11-01"],
	["Australia/Lord_Howe", "2026-04-05"],
	["Australia/Lord_Howe", "2026-10-04"],
	["Africa/Casablanca", "2026-02-15"],
	["Africa/Casablanca", "2026-03-22"],
	["Africa/Cairo", "2026-10-30"],
	["America/St_Johns", "2006-10-29"],
	["Asia/Kolkata", "2026-06-01"],
	["Pacific/Apia", "2011-12-30"],
];

test.each(days)("a clock that is read every minute agrees: %s around %s", (timezone, day) => {
	const middayMs = Date.parse(`${day}T12:00:00Z`);
	const clock = readEveryMinute(timezone, middayMs - 60 * hourMs, middayMs + 84 * hourMs);
	const hour = fc.oneof(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 1, 2, 3, 23));
	const time = fc
		.tuple(hour, fc.integer({ min: 0, max: 59 }))
		.map((parts) => parts.map((part) => `${part}`.padStart(2, "0")).join(":"));
	const nowMs = fc.integer({ min: -30 * 60, max: 30 * 60 }).map((minutes) => middayMs + minutes * minuteMs);
	fc.assert(
		fc.property(time, time, nowMs, (start, end, now) => {
			fc.pre(start !== end);
			const expected = quietUntilByClock(clock, start, end, now);
			expect(quietUntil({ enabled: true, start, end, timezone }, now)).toBe(expected);
		}),
		{ numRuns: 60 },
	);
});

interface Minute {
	atMs: number;
	/** `2026-03-29 02:30`. */
	shown: string;
}

function readEveryMinute(timezone: string, fromMs: number, toMs: number): Minute[] {
	// The Swedish form of a time sorts as text.
	const options = { timeZone: timezone, dateStyle: "short", timeStyle: "short" } as const;
	const format = new Intl.DateTimeFormat("sv", options);
	return Array.from({ length: (toMs - fromMs) / minuteMs }, (_, i) => {
		const atMs = fromMs + i * minuteMs;
		return { atMs, shown: format.format(atMs) };
	});
}

/** Goes through all minutes: quiet begins and ends at the first one that shows the day and the time, or later ones. */
function quietUntilByClock(clock: Minute[], start: string, end: string, nowMs: number): number | null {
	const days = [...new Set(clock.map(({ shown }) => shown.slice(0, 10)))];
	const [first = "", last = ""] = [days[0], days.at(-1)];
	const all: string[] = [];
	for (let ms = Date.parse(first); ms <= Date.parse(last); ms += 24 * hourMs) all.push(new Date(ms).toISOString().slice(0, 10));
	const firstMs = (day: string | undefined, time: string) => clock.find(({ shown }) => shown >= `${day} ${time}`)?.atMs;

	const quiet = new Set<number>();
	for (const [i, day] of all.entries()) {
		const fromMs = firstMs(day, start);
		const untilMs = firstMs(start < end ? day : all[i + 1], end);
		if (fromMs === undefined || untilMs === undefined) continue;
		for (let ms = fromMs; ms < untilMs; ms += minuteMs) quiet.add(ms);
	}
	if (!quiet.has(nowMs)) return null;
	let untilMs = nowMs;
	while (quiet.has(untilMs)) untilMs += minuteMs;
	return untilMs;
}
