// JavaScript, since the types of this package know only its CommonJS half.
import Sequencer from "@jest/test-sequencer";

/** Files that start processes or wait for time-outs take minutes: they begin first, so that none runs alone at the end. */
const longest = [
	"test/chaos/faults.test.ts",
	"test/system/cluster.test.ts",
	"test/system/single-process.test.ts",
	"test/chaos/images.test.ts",
	"test/system/embedded-parts.test.ts",
	"test/service/presence-gateway-death.test.ts",
	"test/service/embedded-postgres.test.ts",
	"test/system/killed-node.test.ts",
	"test/service/gateway-redelivery.test.ts",
];

/** The same order on every machine, also where Jest remembers no durations, as in CI. */
export default class LongestFirst extends Sequencer {
	sort(tests) {
		const rank = ({ path }) => {
			const index = longest.findIndex((name) => path.endsWith(name));
			return index < 0 ? longest.length : index;
		};
		return super.sort(tests).toSorted((one, other) => rank(one) - rank(other));
	}
}
