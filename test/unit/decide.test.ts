import { type Decision, decide, type Situation } from "../../services/notifier/due/decide.ts";
import { defaultSettings } from "../../services/notifier/settings/settings.ts";

const second = 1_000;
const minute = 60 * second;
const delays = { delayMs: 30 * second, idleDelayMs: 5 * minute, emailAfterPushMs: 15 * minute };

/** One message at 0 to somebody who has a device, has not read it, and is offline. Times are since that message. */
function situation(changed: Partial<Situation> = {}): Situation {
	return {
		channel: "push",
		first: { seq: 1, atMs: 0 },
		last: { seq: 1, atMs: 0 },
		isDeferred: false,
		level: { readSeq: 0, deliveredSeq: 0, unreadCount: 1, mutedUntilMs: null },
		settings: defaultSettings(null),
		presence: "offline",
		activeAtMs: undefined,
		pushedAtMs: undefined,
		isReachable: true,
		...changed,
	};
}

/** When the person is told if nothing changes. It is looked at again whenever the decision says so. */
function toldAtMs(of: Situation): number {
	let nowMs = 0;
	for (let looks = 0; looks < 1_000; looks++) {
		const decision: Decision = decide(of, delays, nowMs);
		if (decision.kind !== "wait") return decision.kind === "drop" ? Number.POSITIVE_INFINITY : nowMs;
		expect(decision.untilMs).toBeGreaterThan(nowMs);
		nowMs = decision.untilMs;
	}
	throw new Error("It waits for ever.");
}

const unread = situation().level as NonNullable<Situation["level"]>;
const delivered = { ...unread, deliveredSeq: 1 };
const digest = { ...defaultSettings(null), digest: { enabled: true, windowMinutes: 20 } };
const never = Number.POSITIVE_INFINITY;

test.each<[string, number, Partial<Situation>]>([
	["offline: after the delay", 30 * second, {}],
	["offline, of a message that another device has: after the delay", 30 * second, { level: delivered }],
	["online, not delivered: ten seconds later, since the socket may be dead", 40 * second, { presence: "online" }],
	["online, delivered, idle: after the idle delay", 5 * minute, { presence: "online", level: delivered }],
	[
		"online, delivered, active after a minute: the idle delay counts from there",
		6 * minute,
		{ presence: "online", level: delivered, activeAtMs: minute },
	],
	[
		"away, delivered: after the idle delay, whatever was done before",
		5 * minute,
		{ presence: "away", level: delivered, activeAtMs: minute },
	],
	["presence not known: as if online", 40 * second, { presence: undefined }],
	["read: never", never, { level: { ...delivered, readSeq: 1, unreadCount: 0 } }],
	["erased: never", never, { settings: undefined }],
	["takes no part: never", never, { level: undefined }],
	["muted for two hours: then", 120 * minute, { level: { ...unread, mutedUntilMs: 120 * minute } }],
	["with digests: after the window", 20 * minute, { settings: digest }],
	["mail after a push: 15 minutes after it was accepted", 17 * minute, { channel: "email", pushedAtMs: 2 * minute }],
	["mail without a push: after the delay", 30 * second, { channel: "email" }],
	["mail without an address: never", never, { channel: "email", isReachable: false }],
])("a person is told: %s", (_case, expectedMs, changed) => {
	expect(toldAtMs(situation(changed))).toBe(expectedMs);
});

test("without a device it is a mail, at the time at which the push would have gone", () => {
	expect(decide(situation({ isReachable: false }), delays, 30 * second)).toEqual({ kind: "mail", isDigest: false });
});

test("when the first message was read, the time counts from the newest one", () => {
	const level = { ...unread, readSeq: 1 };
	expect(toldAtMs(situation({ level, last: { seq: 2, atMs: minute } }))).toBe(90 * second);
});

test("what has waited for the end of quiet hours is told in a digest", () => {
	const settings = { ...defaultSettings(null), quietHours: { enabled: true, start: "00:00", end: "07:00", timezone: "UTC" } };
	const waiting = decide(situation({ settings }), delays, minute);
	expect(waiting).toMatchObject({ kind: "wait", untilMs: 7 * 60 * minute, isDeferred: true });
	expect(decide(situation({ settings, isDeferred: true }), delays, 7 * 60 * minute)).toEqual({ kind: "tell", isDigest: true });
});

test("a digest takes along what is still within its own window", () => {
	const within = situation({ settings: digest });
	expect(decide(within, delays, minute)).toMatchObject({ kind: "wait" });
	expect(decide(within, delays, minute, true)).toEqual({ kind: "tell", isDigest: true });
});
