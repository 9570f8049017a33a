import fc from "fast-check";
import type { Outcome } from "../../services/notifier/channels/channel.ts";
import { afterAttempt, afterLook } from "../../services/notifier/deliveries/after-attempt.ts";
import type { Notification } from "../../services/notifier/deliveries/notifications.ts";

const createdMs = Date.parse("2026-03-01T12:00:00.000Z");
const hourMs = 3_600_000;

function notification(changed: Partial<Notification> = {}): Notification {
	const createdAt = new Date(createdMs).toISOString();
	return {
		...{ id: "n", userId: "ann", channel: "fcm", deviceId: "d", conversationIds: ["c"], seqs: [1], isDigest: false },
		...{ state: "WAITING", dueAt: createdAt, attempts: 1, messageAt: createdAt, createdAt },
		...changed,
	};
}

const failed: Outcome = { kind: "failed", reason: "503" };
const pauseMs = (attempts: number, outcome: Outcome, random: number) => {
	const { dueAt, state } = afterAttempt(notification({ attempts }), outcome, createdMs, random);
	expect(state).toBe("WAITING");
	return Date.parse(String(dueAt)) - createdMs;
};

test.each<[string, Outcome, string]>([
	["refused for good", { kind: "refused", reason: "BadTopic" }, "BadTopic"],
	["gone", { kind: "gone", reason: "410" }, "410"],
])("what is %s is dead at once", (_, outcome, lastError) => {
	expect(afterAttempt(notification(), outcome, createdMs, 0)).toEqual({ state: "DEAD", dueAt: null, lastError, sentAt: null });
});

test("the pause doubles from 5 s to an hour, with up to half of it as jitter", () => {
	expect([1, 2, 3, 9, 10, 11, 50].map((attempts) => pauseMs(attempts, failed, 1))).toEqual([
		...[5_000, 10_000, 20_000, 1_280_000, 2_560_000],
		...[hourMs, hourMs],
	]);
	expect(pauseMs(1, failed, 0)).toBe(2_500);
	expect(pauseMs(50, failed, 0)).toBe(hourMs / 2);
});

test("a provider's wish to wait longer is obeyed, and one to wait shorter is not", () => {
	expect(pauseMs(1, { ...failed, retryAfterMs: 120_000 }, 0)).toBe(120_000);
	expect(pauseMs(5, { ...failed, retryAfterMs: 1 }, 0)).toBe(40_000);
});

test("whatever happens, it is tried for about a day and then it is dead", () => {
	fc.assert(
		fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (randoms) => {
			let nowMs = createdMs;
			for (let attempts = 1; attempts < 100; attempts++) {
				const next = afterAttempt(notification({ attempts }), failed, nowMs, Number(randoms.next().value));
				if (next.state === "DEAD") {
					expect(nowMs - createdMs).toBeGreaterThan(22 * hourMs);
					expect(nowMs - createdMs).toBeLessThanOrEqual(24 * hourMs);
					return;
				}
				nowMs = Date.parse(String(next.dueAt));
			}
			throw new Error("it was never given up");
		}),
		{ numRuns: 50 },
	);
});

test("only channels that can take a push back look at it later", () => {
	const dueAt = (channel: Notification["channel"]) =>
		afterAttempt(notification({ channel }), { kind: "accepted" }, createdMs, 0).dueAt;
	expect([dueAt("webpush"), dueAt("email")]).toEqual([null, null]);
	expect([dueAt("apns"), dueAt("fcm")]).toEqual(["2026-03-01T12:01:00.000Z", "2026-03-01T12:01:00.000Z"]);
});

test("an unread push is looked at less and less often, and no more when it is not kept", () => {
	const keptMs = 30 * 24 * hourMs;
	let nowMs = createdMs + 60_000;
	let looks = 0;
	for (; looks < 100; looks++) {
		const { dueAt } = afterLook(notification({ state: "SENT" }), createdMs, nowMs, keptMs);
		if (dueAt === null) break;
		nowMs = Date.parse(dueAt);
	}
	expect(looks).toBeLessThan(20);
	expect(nowMs - createdMs).toBeGreaterThan(keptMs);
});
