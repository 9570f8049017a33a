import { ReportQueue } from "../../services/gateway/report-queue.ts";
import type { Status } from "../../services/presence/presence.contract.ts";
import { digestModulus, digestOf } from "../../services/presence-digest.ts";

let statuses: Record<string, Status>;
let queue: ReportQueue;

beforeEach(() => {
	statuses = {};
	queue = new ReportQueue((userId) => statuses[userId] ?? "offline");
});

test("a user is reported as what they are when the report is made, and not again while that is acknowledged", () => {
	set("alice", "away");
	statuses.alice = "online";
	expect(report()).toEqual([{ userId: "alice", status: "online", chosen: false }]);
	expect(queue.add("alice", false)).toBeUndefined();
	expect(queue.size).toBe(0);
	statuses.alice = "offline";
	expect(queue.add("alice", false)).toBeDefined();
});

test("those who have waited longest are reported first, and no more of them than there is room for", () => {
	for (const userId of ["a", "b", "c"]) set(userId, "online");
	set("a", "away");
	expect(names(report(2))).toEqual(["a", "b"]);
	expect(names(report(2))).toEqual(["c"]);
});

test("a report that failed is made again before anything else, with what its users are by then", () => {
	set("a", "online");
	queue.take(10);
	set("b", "online");
	queue.failed();
	statuses.a = "offline";
	expect(report()).toEqual([{ userId: "a", status: "offline", chosen: false }]);
	expect(names(report())).toEqual(["b"]);
});

test("a change while the user's report is under way is reported afterwards, also when it leads back to what was before", () => {
	set("a", "online");
	report();
	set("a", "offline");
	const underWay = queue.take(10);
	const pending = set("a", "online");
	expect(pending).toBeDefined();
	queue.succeeded(underWay);
	expect(report()).toEqual([{ userId: "a", status: "online", chosen: false }]);
});

test("a status counts as chosen only if nothing but choices led to it", () => {
	for (const userId of ["a", "b"]) set(userId, "online");
	report();
	set("a", "away", true);
	set("b", "away", true);
	set("b", "away", false);
	expect(report().map(({ userId, chosen }) => [userId, chosen])).toEqual([
		["a", true],
		["b", false],
	]);
});

test("the digest is over what was acknowledged, in whatever order, and there is none while a report may or may not have arrived", () => {
	expect(queue.digest).toEqual({ users: 0, sum: 0 });
	for (const userId of ["a", "b", "c"]) set(userId, "online");
	report();
	set("b", "away");
	set("c", "offline");
	expect(queue.digest).toEqual(digest(["a", "online"], ["b", "online"], ["c", "online"]));
	queue.take(10);
	expect(queue.digest).toBeUndefined();
	queue.failed();
	expect(queue.digest).toBeUndefined();
	report();
	expect(queue.digest).toEqual(digest(["b", "away"], ["a", "online"]));
});

test("when everybody is to be reported anew, the digest begins anew too", () => {
	set("a", "online");
	report();
	queue.addAll(["a"]);
	expect([queue.size, queue.digest]).toEqual([1, { users: 0, sum: 0 }]);
	report();
	expect(queue.digest).toEqual(digest(["a", "online"]));
});

test("who stopped waiting for the registry and is still there when it acknowledges is late", async () => {
	const pending = ["a", "b", "c"].map((userId) => set(userId, "online"));
	for (const one of pending.slice(1)) if (one) one.isLate = true;
	statuses.c = "offline";
	expect(queue.succeeded(queue.take(10))).toEqual(["b"]);
	await Promise.all(pending.map((one) => one?.acknowledged));
});

function set(userId: string, status: Status, chosen = false) {
	statuses[userId] = status;
	return queue.add(userId, chosen);
}

function report(max = 10) {
	const users = queue.take(max);
	queue.succeeded(users);
	return users;
}

const names = (users: { userId: string }[]) => users.map(({ userId }) => userId);

function digest(...entries: [string, Status][]) {
	const sum = entries.reduce((total, [userId, status]) => (total + digestOf(userId, status)) % digestModulus, 0);
	return { users: entries.length, sum };
}
