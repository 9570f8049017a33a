import fc from "fast-check";
import { type Decision, decide, type Situation } from "../../services/notifier/due/decide.ts";
import { quietUntil } from "../../services/notifier/settings/quiet-hours.ts";
import type { Settings } from "../../services/notifier/settings/settings.contract.ts";

const secondMs = 1_000;
const minuteMs = 60_000;
const dayMs = 86_400_000;
const delays = { delayMs: 30 * secondMs, idleDelayMs: 300 * secondMs, emailAfterPushMs: 900 * secondMs };

// Both changes of the clocks of 2027 in Europe are near times that are drawn.
const sunday = fc.constantFrom(Date.UTC(2027, 2, 28), Date.UTC(2027, 9, 31), Date.UTC(2027, 5, 6));
const moment = fc.tuple(sunday, fc.integer({ min: -2 * 1440, max: 2 * 1440 })).map(([ms, minutes]) => ms + minutes * minuteMs);
const clock = fc
	.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
	.map((parts) => parts.map((part) => String(part).padStart(2, "0")).join(":"));

const settings: fc.Arbitrary<Settings> = fc.record({
	newMessage: fc.record({ inApp: fc.boolean(), email: fc.boolean(), push: fc.boolean() }),
	quietHours: fc
		.record({
			enabled: fc.boolean(),
			start: clock,
			end: clock,
			timezone: fc.constantFrom("Europe/Vienna", "UTC", "Asia/Tokyo", "Australia/Lord_Howe"),
		})
		.filter(({ start, end }) => start !== end),
	digest: fc.record({ enabled: fc.boolean(), windowMinutes: fc.integer({ min: 1, max: 1440 }) }),
});

/** Before `nowMs`, not long ago. */
const before = (nowMs: number) => fc.integer({ min: 0, max: 3_600 }).map((seconds) => nowMs - seconds * secondMs);

const known = moment.chain((nowMs) =>
	fc.record({
		nowMs: fc.constant(nowMs),
		isWindowOver: fc.boolean(),
		situation: fc
			.record({
				channel: fc.constantFrom("push" as const, "email" as const),
				times: fc.tuple(before(nowMs), before(nowMs)).map((times) => times.toSorted((a, b) => a - b)),
				seqs: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 3 })),
				isDeferred: fc.boolean(),
				level: fc.option(
					fc.record({
						readSeq: fc.integer({ min: 0, max: 9 }),
						deliveredSeq: fc.integer({ min: 0, max: 9 }),
						unreadCount: fc.integer({ min: 0, max: 3 }),
						mutedUntilMs: fc.option(fc.integer({ min: -5, max: 5 * 1440 }).map((minutes) => nowMs + minutes * minuteMs)),
					}),
					{ nil: undefined },
				),
				settings: fc.option(settings, { nil: undefined }),
				presence: fc.constantFrom(undefined, "online" as const, "away" as const, "offline" as const),
				activeAtMs: fc.option(before(nowMs), { nil: undefined }),
				pushedAtMs: fc.option(before(nowMs), { nil: undefined }),
				isReachable: fc.boolean(),
			})
			.map(({ times: [firstMs = 0, lastMs = 0], seqs: [seq, more], ...rest }): Situation => {
				const first = { seq, atMs: firstMs };
				return { ...rest, first, last: more === 0 ? first : { seq: seq + more, atMs: lastMs } };
			}),
	}),
);

type Drawn = typeof known extends fc.Arbitrary<infer Value> ? Value : never;

const decisionOf = ({ situation, nowMs, isWindowOver }: Drawn) => decide(situation, delays, nowMs, isWindowOver);
const isTold = ({ kind }: Decision) => kind === "tell" || kind === "mail";

/** Checks the property where the decision is to tell. That must happen often enough to mean something. */
function whereTold(property: (drawn: Drawn, decision: Decision) => void): void {
	let told = 0;
	fc.assert(
		fc.property(known, (drawn) => {
			const decision = decisionOf(drawn);
			if (!isTold(decision)) return;
			told++;
			property(drawn, decision);
		}),
		{ numRuns: 30_000 },
	);
	expect(told).toBeGreaterThan(100);
}

test("nobody is told who was erased or does not take part, nor of what is read", () => {
	whereTold(({ situation: { level, settings, last } }) => {
		expect(settings).toBeDefined();
		expect(level?.unreadCount).toBeGreaterThan(0);
		expect(level?.readSeq).toBeLessThan(last.seq);
	});
});

test("nobody is told while the conversation is muted, or in quiet hours", () => {
	whereTold(({ situation: { level, settings }, nowMs }) => {
		expect(level?.mutedUntilMs ?? 0).toBeLessThanOrEqual(nowMs);
		expect(settings && quietUntil(settings.quietHours, nowMs)).toBeNull();
	});
});

test("nobody is told before the delay has passed, and nobody who has the message while they do things", () => {
	whereTold(({ situation: { level, first, last, presence, activeAtMs }, nowMs }) => {
		const unread = level && level.readSeq >= first.seq ? last : first;
		const isDelivered = level && level.deliveredSeq >= unread.seq;
		expect(nowMs - unread.atMs).toBeGreaterThanOrEqual(delays.delayMs);
		if (presence !== "offline" && isDelivered) expect(nowMs - unread.atMs).toBeGreaterThanOrEqual(delays.idleDelayMs);
		if (presence === "online" && isDelivered) expect(nowMs - (activeAtMs ?? 0)).toBeGreaterThanOrEqual(delays.idleDelayMs);
	});
});

test("nobody is told by a way that does not reach them, and mails wait for an accepted push", () => {
	whereTold(({ situation: { channel, isReachable, pushedAtMs }, nowMs }, decision) => {
		expect(decision.kind).toBe(isReachable ? "tell" : "mail");
		if (channel === "email") expect(isReachable).toBe(true);
		if (channel === "email" && pushedAtMs !== undefined)
			expect(nowMs - pushedAtMs).toBeGreaterThanOrEqual(delays.emailAfterPushMs);
	});
});

test("what waited for quiet hours, and what somebody with digests gets, is told in a digest", () => {
	whereTold(({ situation: { settings, isDeferred } }, decision) => {
		expect(decision).toMatchObject({ isDigest: isDeferred || settings?.digest.enabled });
	});
});

test("who waits is looked at later than now, so that no sweep works a row twice", () => {
	fc.assert(
		fc.property(known, (drawn) => {
			const decision = decisionOf(drawn);
			if (decision.kind === "wait") expect(decision.untilMs).toBeGreaterThan(drawn.nowMs);
		}),
		{ numRuns: 30_000 },
	);
});

test("who has something unread is told in the end, a few days later at most", () => {
	let waited = 0;
	fc.assert(
		fc.property(known, ({ situation, nowMs }) => {
			let now = nowMs;
			let current = situation;
			for (let looks = 0; looks < 1_000; looks++) {
				const decision = decide(current, delays, now);
				if (decision.kind === "drop") {
					const { level, settings, last, channel, isReachable } = situation;
					const isNews = level && level.unreadCount > 0 && level.readSeq < last.seq;
					expect(isNews && settings && (channel === "push" || isReachable)).toBeFalsy();
					return;
				}
				if (decision.kind !== "wait") {
					if (looks > 0) waited++;
					// Muted for five days at most, then quiet for less than a day and a digest's window of a day, and quiet once more.
					expect(now - nowMs).toBeLessThan(8 * dayMs);
					return;
				}
				current = { ...current, first: decision.first, isDeferred: decision.isDeferred };
				now = decision.untilMs;
			}
			throw new Error("looked at for ever");
		}),
		{ numRuns: 10_000 },
	);
	expect(waited).toBeGreaterThan(100);
});
