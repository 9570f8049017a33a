import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inherited } from "../../testing/parley.ts";
import { freePort } from "../support/ports.ts";
import { type RunningServer, startServer } from "../support/server.ts";

jest.setTimeout(60_000);

const secret = "the secret of the server and its demo";

describe("npm run demo", () => {
	let server: RunningServer;
	let port: string;

	beforeAll(async () => {
		server = await startServer({ JWT_SECRET: secret });
		port = new URL(server.baseUrls[0]).port;
	}, 120_000);

	afterAll(() => server.stop(), 30_000);

	it("finds the server by the PORT and HOST that the server has", async () => {
		const { code, output } = await demo({ PORT: port, HOST: "127.0.0.1", JWT_SECRET: secret });
		expect(output).toContain("All of it as promised.");
		expect(code).toBe(0);
	});

	it("reads them from .env, as the server does; HOST may be every address", async () => {
		const folder = mkdtempSync(join(tmpdir(), "parley-demo-"));
		writeFileSync(join(folder, ".env"), `PORT=${port}\nHOST=0.0.0.0\nJWT_SECRET=${secret}\n`);
		const { code, output } = await demo({ ENV_FILE: undefined }, folder);
		expect(output).toContain("All of it as promised.");
		expect(code).toBe(0);
		rmSync(folder, { recursive: true });
	});

	it("says in one line what to do when no server answers", async () => {
		const unused = String(await freePort());
		const { code, output } = await demo({ PORT: unused });
		expect(output).toMatch(
			new RegExp(`^No server answers at http://localhost:${unused}: [^\\n]*npm start[^\\n]*PORT[^\\n]*\\n$`),
		);
		expect(code).toBe(1);
	});

	it("asks for --url where PORT does not say where the server is", async () => {
		const { code, output } = await demo({ PORT: "0" });
		expect(output).toMatch(/^[^\n]*PORT is 0[^\n]*--url[^\n]*\n$/);
		expect(code).toBe(1);
	});
});

/** What it printed, errors included, and its exit code. */
function demo(env: NodeJS.ProcessEnv, cwd = process.cwd()): Promise<{ code: unknown; output: string }> {
	const options = { cwd, env: { ...inherited("PATH", "HOME"), ...env } };
	return new Promise((done) => {
		execFile(process.execPath, [resolve("scripts/demo.ts")], options, (error, stdout, stderr) =>
			done({ code: error ? error.code : 0, output: stdout + stderr }),
		);
	});
}
