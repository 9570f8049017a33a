import { cpus } from "node:os";
import { endChildren } from "./children.ts";
import { measure } from "./measure.ts";
import { readOptions } from "./options.ts";
import { faults, indexLags, type Run, ratios, tables, verdicts } from "./report.ts";
import { isInMemory, removeFolders } from "./scratch.ts";
import type { Workload } from "./workloads.ts";

// npm run bench [-- peak steady idle cluster --seconds n --warmup n --sockets n --runs n --seed n --servers floor,parley,cluster]

let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
	process.once(signal, async () => {
		interrupted = true;
		await clean();
		process.exit(130);
	});
}

const runs: Run[] = [];
try {
	const workloads = readOptions(process.argv.slice(2));
	for (const workload of workloads) await runAll(workload);
	console.log(`\n${[tables(runs), ...runs.flatMap(indexLags), ...ratios(runs)].join("\n")}\n\n${await machine()}`);
	const requirements = workloads.flatMap((workload) => verdicts(workload, runs));
	for (const { line } of requirements) console.log(line);
	if (runs.some((run) => faults(run).length > 0) || requirements.some(({ passed }) => !passed)) process.exitCode = 1;
} catch (error) {
	if (!interrupted) console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
} finally {
	await clean();
}

/** The servers take turns, so that other load on the machine affects all of them. */
async function runAll(workload: Workload): Promise<void> {
	for (let round = 1; round <= workload.runs; round++) {
		for (const server of workload.servers) {
			console.log(`${workload.name} ${server}, ${workload.sockets} sockets, run ${round} of ${workload.runs} …`);
			const run: Run = { workload: workload.name, server, result: await measure(workload, server) };
			runs.push(run);
			for (const line of [tables([run]), ...indexLags(run), ...faults(run)]) console.log(line);
		}
	}
}

async function clean(): Promise<void> {
	await endChildren();
	await removeFolders();
}

async function machine(): Promise<string> {
	const traffic = runs.flatMap(({ result }) => (result.kind === "traffic" ? [result.postgresVersion] : []));
	const storage = (await isInMemory()) ? ["the data folder is in memory (tmpfs): set TMPDIR to a disk for real figures"] : [];
	return [
		`${cpus().length} cores, ${cpus()[0]?.model ?? "unknown"}`,
		`Node ${process.versions.node}`,
		...new Set(traffic.map((version) => `PostgreSQL ${version}`)),
		...storage,
	].join(" · ");
}
