import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../../embedded/postgres.ts";
import { until } from "../../testing/until.ts";
import { query } from "../support/database.ts";

const settings = { fsync: "off" };

let dataDir: string;

beforeEach(() => {
	dataDir = mkdtempSync(join(tmpdir(), "parley-data-"));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

test("data of an older PostgreSQL is refused in one line that names both versions and says what to do", async () => {
	const { url, stop } = await startPostgres({ dataDir, settings });
	const [row] = await query<{ server_version: string }>(url, "show server_version");
	await stop();
	const major = Number.parseInt(String(row?.server_version), 10);
	writeFileSync(join(dataDir, "postgres", "PG_VERSION"), `${major - 1}\n`);
	await expect(startPostgres({ dataDir, settings })).rejects.toThrow(
		new RegExp(
			`^[^\\n]+ was made by PostgreSQL ${major - 1}, and the embedded one is ${major}: [^\\n]*pg_dump[^\\n]*docs/operations\\.md[^\\n]*$`,
		),
	);
});

(process.platform === "linux" ? test : test.skip)("PostgreSQL gets nothing of this process's environment", async () => {
	const { stop } = await startPostgres({ dataDir, settings });
	const pid = readFileSync(join(dataDir, "postgres", "postmaster.pid"), "utf8").split("\n")[0];
	const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
	await stop();
	const names = Object.keys(process.env).filter((name) => environment.includes(`${name}=`));
	expect(names).toEqual([]);
});

test("postgres.log stays bounded while the server runs, keeps its end and goes on", async () => {
	const log = join(dataDir, "postgres.log");
	const { url, stop } = await startPostgres({ dataDir, settings });
	try {
		const line = `${"x".repeat(999)}\n`;
		appendFileSync(log, `${line.repeat(11_000)}the last line\n`);
		await until(() => statSync(log).size <= 2_000_000, { timeoutMs: 15_000 });
		expect(readFileSync(log, "utf8")).toMatch(/^x{999}\n[\s\S]*\nthe last line\n/);
		await expect(query(url, "select 1/0")).rejects.toThrow("division by zero");
		await until(() => readFileSync(log, "utf8").includes("division by zero"));
		expect(statSync(log).size).toBeLessThanOrEqual(2_000_000);
	} finally {
		await stop();
	}
});
