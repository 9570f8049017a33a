import type { Test } from "@jest/test-result";
import sequencing from "@jest/test-sequencer";

// A CommonJS module: what it exports by default is one level down.
const { default: Sequencer } = sequencing;

/** Files that start processes or fight time-outs take minutes: those begin first, so that none is left alone at the end. */
const longest = [
	"test/chaos/faults.test.ts",
	"test/system/cluster.test.ts",
	"test/system/single-process.test.ts",
	"test/chaos/images.test.ts",
	"test/service/retry.test.ts",
	"test/system/embedded-parts.test.ts",
	"test/service/presence-gateway-death.test.ts",
	"test/service/embedded-postgres.test.ts",
	"test/system/killed-node.test.ts",
	"test/service/gateway-redelivery.test.ts",
];

/** The same order on every machine, also where Jest remembers no durations, as in CI. */
export default class LongestFirst extends Sequencer {
	override sort(tests: Test[]): Test[] {
		const rank = ({ path }: Test) => {
			const index = longest.findIndex((name) => path.endsWith(name));
			return index < 0 ? longest.length : index;
		};
		return super.sort(tests).sort((one, other) => rank(one) - rank(other));
	}
}
