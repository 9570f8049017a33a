import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stopLeftover } from "../../embedded/postmaster.ts";
import { isGatewayReady, parleyProcess, targetOf } from "../../testing/parley.ts";
import type { OsProcess } from "../../testing/processes.ts";
import type { Target } from "../../testing/target.ts";
import { freePort } from "./ports.ts";

export interface RunningServer extends Target {
	process: OsProcess;
	dataDir: string;
	stop(): Promise<void>;
}

const name = "parley";

/** Parley as `npm start` runs it on a machine with nothing else: one process, everything embedded, no data. */
export async function startServer(env: Record<string, string> = {}): Promise<RunningServer> {
	const folder = mkdtempSync(join(tmpdir(), "parley-server-"));
	const clear = async () => {
		// A server that had to be killed leaves its PostgreSQL behind.
		await stopLeftover(join(folder, name, "postgres"));
		rmSync(folder, { recursive: true });
	};
	try {
		const port = await freePort();
		const baseUrl = `http://127.0.0.1:${port}`;
		const secret = randomBytes(32).toString("hex");
		const ports = { PORT: String(port), METRICS_PORT: String(await freePort()) };
		const isReady = () => isGatewayReady(baseUrl);
		const server = parleyProcess({ name, folder, env: { ...ports, JWT_SECRET: secret, ...env }, isReady });
		await server.start();
		return {
			...targetOf([baseUrl], env.JWT_SECRET ?? secret),
			process: server,
			dataDir: join(folder, name),
			stop: async () => {
				await server.stop();
				await clear();
			},
		};
	} catch (error) {
		await clear();
		throw error;
	}
}
