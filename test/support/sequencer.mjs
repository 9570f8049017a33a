// JavaScript, since the types of this package know only its CommonJS half.
import Sequencer from "@jest/test-sequencer";

/**
 * Files that start a cluster of processes or keep both cores busy, and about how many seconds each takes. Two of them at once would
 * be slow enough to fail.
 */
const heavy = {
	"test/chaos/faults.test.ts": 230,
	"test/system/cluster.test.ts": 160,
	"test/system/single-process.test.ts": 110,
	"test/chaos/images.test.ts": 90,
	"test/system/embedded-parts.test.ts": 60,
	"test/system/killed-node.test.ts": 50,
	"test/chaos/notifier-killed.test.ts": 45,
	"test/service/embedded-postgres.test.ts": 50,
	"test/system/fuzz.test.ts": 30,
	"test/service/search-attack.test.ts": 30,
	"test/system/search-attack.test.ts": 30,
};

/** About how many seconds another file takes. */
const lightSeconds = 9;

/**
 * An order in which two workers, each of which takes the next file when it is free, seldom run two heavy files at the same time:
 * after each heavy file follow as many others as the second worker can run meanwhile. The same on every machine, also where Jest
 * remembers no durations, as in CI.
 */
export default class HeavyApart extends Sequencer {
	sort(tests) {
		const secondsOf = ({ path }) => Object.entries(heavy).find(([name]) => path.endsWith(name))?.[1];
		const light = super.sort(tests).filter((test) => secondsOf(test) === undefined);
		const byDuration = tests.filter(secondsOf).toSorted((one, other) => secondsOf(other) - secondsOf(one));
		const apart = byDuration.flatMap((test) => [test, ...light.splice(0, Math.ceil(secondsOf(test) / lightSeconds))]);
		return [...apart, ...light];
	}
}
