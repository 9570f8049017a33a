import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inherited, startCommand } from "../../testing/parley.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";

/** A checkout like this one, in which some packages are not installed, as after npm ci --omit=dev. */
function checkoutWithout(folder: string, packages: readonly string[]): void {
	for (const part of ["client", "embedded", "lib", "middlewares", "migrations", "mixins", "scripts", "services"]) {
		cpSync(part, join(folder, part), { recursive: true });
	}
	for (const file of ["moleculer.config.ts", "package.json"]) cpSync(file, join(folder, file));
	mkdirSync(join(folder, "node_modules"));
	for (const name of readdirSync("node_modules")) {
		if (packages.includes(name)) continue;
		symlinkSync(join(process.cwd(), "node_modules", name), join(folder, "node_modules", name));
	}
}

describe("where only what production needs is installed", () => {
	let folder: string;
	let database: TestDatabase;

	beforeAll(async () => {
		folder = mkdtempSync(join(tmpdir(), "parley-checkout-"));
		checkoutWithout(folder, ["ioredis-mock", "@20minutes"]);
		database = await createMigratedDatabase();
	});

	afterAll(async () => {
		await database.drop();
		rmSync(folder, { recursive: true });
	});

	it("says in one line that REDIS_URL is missing", async () => {
		const { args, env } = startCommand();
		expect(await run(args, { ...env, SERVICES: "presence", DATABASE_URL: database.url })).toEqual({
			code: 1,
			errors: "ioredis-mock is not installed: set REDIS_URL, or install the development dependencies\n",
		});
	});

	it("says in one line that S3_BUCKET is missing", async () => {
		const { args, env } = startCommand();
		expect(await run(args, { ...env, SERVICES: "media", DATABASE_URL: database.url })).toEqual({
			code: 1,
			errors: "@20minutes/s3rver is not installed: set S3_BUCKET, or install the development dependencies\n",
		});
	});

	it("migrates with no more than a database", async () => {
		expect(await run(["scripts/migrate.ts"], { DATABASE_URL: database.url, JWT_SECRET: "a secret" })).toEqual({
			code: 0,
			errors: "",
		});
	});

	function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ code: unknown; errors: string }> {
		const options = { cwd: folder, env: { ...inherited("PATH", "HOME"), ...env }, timeout: 20_000 };
		return new Promise((done) => {
			execFile(process.execPath, [...args], options, (error, _, errors) => done({ code: error ? error.code : 0, errors }));
		});
	}
});

describe("on a Node that is too old", () => {
	test.each([
		["20.20.2", 1],
		["22.17.1", 1],
		["23.5.0", 1],
		["22.18.0", 0],
		["23.6.0", 0],
		["24.0.0", 0],
	])("%s: one line says which one is needed, or nothing", async (version, code) => {
		const pretend = `data:text/javascript,Object.defineProperty(process, "versions", { value: { node: "${version}" } })`;
		const args = ["--import", pretend, "--import", "./scripts/check-node.js", "-e", "0"];
		const errors = await new Promise<string>((done, failed) => {
			execFile(process.execPath, args, (error, _, stderr) => {
				if ((error ? error.code : 0) === code) done(stderr);
				else failed(error ?? new Error("It was not refused."));
			});
		});
		expect(errors).toMatch(
			code === 0 ? /^$/ : new RegExp(`^Parley needs Node 22\\.18 or newer, and this is ${version}: [^\\n]+\\n$`),
		);
	});

	it("is asked before any TypeScript is read", () => {
		const { scripts, engines }: { scripts: Record<string, string>; engines: { node: string } } = JSON.parse(
			readFileSync("package.json", "utf8"),
		);
		for (const name of ["start", "migrate", "token", "demo"]) {
			expect(scripts[name]).toMatch(/(^| )node --import \.\/scripts\/check-node\.js /);
		}
		expect(engines.node).toBe(">=22.18 <23 || >=23.6");
	});
});
