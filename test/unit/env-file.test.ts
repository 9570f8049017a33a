import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

let folder: string;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "parley-env-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const file = "PORT=4001\nLOG_LEVEL=warn\n";

test("what the environment leaves empty or unset is taken from .env, and what it says counts", async () => {
	writeFileSync(join(folder, ".env"), file);
	expect(await load({})).toMatchObject({ port: 4001, logLevel: "warn" });
	expect(await load({ PORT: "", LOG_LEVEL: "error" })).toMatchObject({ port: 4001, logLevel: "error" });
});

test("an empty DATABASE_URL does not hide the one in .env", async () => {
	const databaseUrl = "postgres://parley@db/parley";
	writeFileSync(join(folder, ".env"), `DATABASE_URL=${databaseUrl}\nJWT_SECRET=secret\n`);
	expect(await load({ DATABASE_URL: "" })).toMatchObject({ databaseUrl });
});

test.each([
	["a byte order mark", `\uFEFF${file}`],
	["the line ends of Windows", file.replaceAll("\n", "\r\n")],
	["quotes and comments", "# first\n\nexport PORT='4001' # the port\nLOG_LEVEL=\"warn\"\n"],
])("a .env with %s is understood from the first line on", async (_, content) => {
	writeFileSync(join(folder, ".env"), content);
	expect(await load({})).toMatchObject({ port: 4001, logLevel: "warn" });
});

test("variables of others, such as the AWS SDK, come from .env too; an empty one of theirs stays empty", async () => {
	writeFileSync(join(folder, ".env"), "AWS_PROFILE=parley\nNO_PROXY=x\n");
	expect(await load({ NO_PROXY: "" })).toMatchObject({ env: { AWS_PROFILE: "parley", NO_PROXY: "" } });
});

test("ENV_FILE names another file; one that is not there is refused in one line", async () => {
	writeFileSync(join(folder, ".env"), file);
	writeFileSync(join(folder, "other.env"), "PORT=4002\n");
	expect(await load({ ENV_FILE: "other.env" })).toMatchObject({ port: 4002, logLevel: "info" });
	expect(await load({ ENV_FILE: "/dev/null" })).toMatchObject({ port: 3000 });
	expect(await load({ ENV_FILE: "none.env" })).toBe("ENV_FILE names none.env, which cannot be read");
});

/** What a process in this folder is told, and some of the variables that it then has; or the error. */
function load(env: Record<string, string>): Promise<unknown> {
	const script = `
		import { loadConfig } from ${JSON.stringify(resolve("lib/config/config.ts"))};
		try {
			const config = loadConfig();
			const { AWS_PROFILE, NO_PROXY } = process.env;
			console.log(JSON.stringify({ ...config, env: { AWS_PROFILE, NO_PROXY } }));
		} catch (error) {
			console.log(JSON.stringify(error.message));
		}
	`;
	return new Promise((done, failed) => {
		execFile(process.execPath, ["--input-type=module", "-e", script], { cwd: folder, env }, (error, stdout) => {
			if (error) failed(error);
			else done(JSON.parse(stdout));
		});
	});
}
