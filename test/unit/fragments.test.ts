import fc from "fast-check";
import {
	cut,
	FragmentJoiner,
	fragmentBytes,
	isFragment,
	type Joined,
	maxPacketBytes,
	neededPayloadBytes,
	readFragment,
} from "../../lib/fragments.ts";

const limits = { maxUnfinishedBytes: 4 * maxPacketBytes, timeoutMs: 1_000 };

function fragmentsOf(data: Buffer, sender = "one", packet = "1"): Buffer[] {
	return [...cut(data, { packet, sender, type: "REQ", call: "call" })];
}

function packet(letter: string, fragments = 3): Buffer {
	return Buffer.alloc((fragments - 1) * fragmentBytes + 1, letter);
}

function add(joiner: FragmentJoiner, fragment: Buffer, nowMs = 0): Joined {
	const { header, piece } = readFragment(fragment);
	return joiner.add(header, piece, nowMs);
}

test("no JSON is taken for a fragment, and every fragment fits into what the bus must take", () => {
	expect(isFragment(Buffer.from("{}"))).toBe(false);
	for (const fragment of fragmentsOf(packet("a"), "host.example.org-123456-0a1b2c3d")) {
		expect(isFragment(fragment)).toBe(true);
		expect(fragment.length).toBeLessThanOrEqual(neededPayloadBytes);
	}
});

test("packets come out as they went in, however those of several senders are mixed", () => {
	const letters = ["a", "b", "c"];
	fc.assert(
		fc.property(fc.array(fc.nat(2), { maxLength: 12 }), (turns) => {
			const joiner = new FragmentJoiner(limits);
			const waiting = letters.map((letter, i) => fragmentsOf(packet(letter, i + 2), letter));
			const joined: string[] = [];
			const next = (sender: number) => {
				const fragment = waiting[sender]?.shift();
				const result = fragment && add(joiner, fragment);
				if (result?.state === "whole") joined.push(`${result.data.toString("latin1", 0, 1)}${result.data.length}`);
			};
			for (const sender of turns) next(sender);
			for (const sender of [0, 1, 2]) while (waiting[sender]?.length) next(sender);
			expect(joined.toSorted()).toEqual(letters.map((letter, i) => `${letter}${packet(letter, i + 2).length}`));
			expect(joiner.size).toBe(0);
		}),
		{ numRuns: 20 },
	);
});

test.each([0, 1, 2])("a packet whose fragment %d is lost is given up once, and does not spoil the next", (missing) => {
	const joiner = new FragmentJoiner(limits);
	const came = fragmentsOf(packet("a", 4)).filter((_, index) => index !== missing);
	const states = came.map((fragment) => add(joiner, fragment).state);
	expect(states.filter((state) => state === "lost")).toHaveLength(1);
	expect(states).not.toContain("whole");
	expect(joiner.size).toBe(0);
	expect(fragmentsOf(packet("b"), "one", "2").map((fragment) => add(joiner, fragment).state)).toEqual([
		"unfinished",
		"unfinished",
		"whole",
	]);
});

test("a packet whose end does not come is given up after a time, and its room is free again", () => {
	const joiner = new FragmentJoiner({ maxUnfinishedBytes: packet("a").length, timeoutMs: 1_000 });
	const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = fragmentsOf(packet("a"));
	add(joiner, first, 0);
	add(joiner, second, 900);
	expect(joiner.expire(1_800)).toEqual([]);
	expect(joiner.expire(1_900)).toMatchObject([{ packet: "1", sender: "one", call: "call" }]);
	expect(joiner.size).toBe(0);
	expect(
		fragmentsOf(packet("b"), "two")
			.map((fragment) => add(joiner, fragment, 2_000).state)
			.at(-1),
	).toBe("whole");
});

test("a packet for which there is no room is refused once, and those that are unfinished go on", () => {
	const joiner = new FragmentJoiner({ maxUnfinishedBytes: packet("a").length, timeoutMs: 1_000 });
	const [ours, others] = [fragmentsOf(packet("a")), fragmentsOf(packet("b"), "two")];
	const states = ours.flatMap((fragment, i) => [fragment, others[i] ?? fragment]).map((fragment) => add(joiner, fragment).state);
	expect(states).toEqual(["unfinished", "lost", "unfinished", "ignored", "whole", "ignored"]);
	expect(joiner.size).toBe(0);
});

test("a packet beyond the limit is refused at its first fragment", () => {
	const header = { packet: "1", sender: "one", type: "REQ", call: null, index: 0, count: 65, sizeBytes: maxPacketBytes + 1 };
	expect(new FragmentJoiner(limits).add(header, Buffer.alloc(1), 0)).toMatchObject({ state: "lost" });
});
