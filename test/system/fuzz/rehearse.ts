import { parseArgs } from "node:util";
import { startServer } from "../../support/server.ts";
import { fuzz } from "./fuzz.ts";

/** `npm run rehearse:fuzz -- --seconds 600 --seed 42`: the same attacks as in the test, for longer. */
const { values } = parseArgs({
	options: {
		seconds: { type: "string", default: "300" },
		seed: { type: "string" },
		"max-ms": { type: "string", default: "3000" },
	},
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
console.log(`seed ${seed}`);
const server = await startServer();
try {
	const { reports, medianMs, failures } = await fuzz(server, {
		forMs: Number(values.seconds) * 1_000,
		seed,
		maxMs: Number(values["max-ms"]),
	});
	const rows = reports.map(({ name, runs, refused, slowestMs }) => [
		name,
		{ runs, refused, "slowest ms": Math.round(slowestMs) },
	]);
	console.table(Object.fromEntries(rows));
	console.log(`median ${medianMs.toFixed(1)} ms\n`);
	for (const failure of failures) console.error(`${failure}\n`);
	process.exitCode = failures.length > 0 ? 1 : 0;
} finally {
	await server.stop();
}
