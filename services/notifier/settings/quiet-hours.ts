import { Temporal } from "temporal-polyfill";
import type { Settings } from "./settings.contract.ts";

/**
 * When the quiet hours end, in milliseconds since 1970, if `nowMs` is inside of them; else null. They begin at `start` on every day
 * and end at the next `end`, which itself is outside of them.
 *
 * Clocks that are set forward skip times, and those that are set back repeat some. Both begin and end at the first moment at which
 * the clock shows this time or a later one: after the gap, or the first of two. Quiet hours that follow each other directly are one.
 */
export function quietUntil({ enabled, start, end, timezone }: Settings["quietHours"], nowMs: number): number | null {
	if (!enabled) return null;
	const today = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(timezone).toPlainDate();
	let untilMs: number | null = null;
	// Yesterday's may last until now. A clock that is set back over midnight has shown tomorrow before. The last day is for quiet hours
	// that follow directly.
	for (const days of [-1, 0, 1, 2]) {
		const day = today.add({ days });
		const startMs = firstMomentMs(day, start, timezone);
		const endMs = firstMomentMs(start < end ? day : day.add({ days: 1 }), end, timezone);
		const insideMs: number = untilMs ?? nowMs;
		if (startMs <= insideMs && insideMs < endMs) untilMs = endMs;
	}
	return untilMs;
}

/** When the clocks of a zone first show this time of this day, or a later one. */
function firstMomentMs(day: Temporal.PlainDate, time: string, timezone: string): number {
	const wanted = day.toPlainDateTime(time);
	// In a gap, this is as long before the gap as `wanted` is after its begin.
	const found = wanted.toZonedDateTime(timezone, { disambiguation: "earlier" });
	if (found.toPlainDateTime().equals(wanted)) return found.epochMilliseconds;
	return (found.getTimeZoneTransition("next") ?? found).epochMilliseconds;
}
