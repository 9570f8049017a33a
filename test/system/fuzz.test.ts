import { clientEvents } from "../../services/gateway/gateway.contract.ts";
import { queries, routes } from "../../services/gateway/routes.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { type FuzzReport, fuzz } from "./fuzz/fuzz.ts";

const forMs = 20_000;

/** A second on a quiet machine, and what a busy one adds. */
const maxMs = 3_000;

describe("Whatever is sent to it", () => {
	let server: RunningServer;
	let result: FuzzReport;
	const seed = Math.floor(Math.random() * 2 ** 31);

	beforeAll(async () => {
		server = await startServer();
		result = await fuzz(server, { forMs, seed, maxMs });
	}, 180_000);

	afterAll(() => server.stop(), 30_000);

	it(`Parley does not fail at it, nor takes long (seed ${seed})`, () => {
		expect(result.failures).toEqual([]);
	});

	it("answers most of it at once", () => {
		expect(result.medianMs).toBeLessThan(maxMs / 10);
	});

	it("was asked by every way in, with what it refuses and with what it takes", () => {
		const attacked = result.reports.map(({ name }) => name);
		expect(attacked).toEqual(expect.arrayContaining([...Object.keys(routes), ...Object.keys(clientEvents)]));
		expect(attacked).toEqual(expect.arrayContaining([...queries].map((action) => `call ${action}`)));
		expect(result.reports.filter(({ runs }) => runs === 0)).toEqual([]);
		const [runs, refused] = [sum(result.reports.map((one) => one.runs)), sum(result.reports.map((one) => one.refused))];
		// Were all refused, only the first check of each action would have been tried.
		expect(refused / runs).toBeGreaterThan(0.2);
		expect(refused / runs).toBeLessThan(0.95);
	});
});

function sum(counts: number[]): number {
	return counts.reduce((total, count) => total + count, 0);
}
