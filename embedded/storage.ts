import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Config } from "../lib/config.ts";
import { giveWay } from "../lib/give-way.ts";
import { EmbeddedError } from "./error.ts";
import type { S3Answer } from "./s3-process.ts";

/** A running server. */
export interface EmbeddedStorage {
	/** How to reach it. */
	s3: Config["s3"];
	stop(): Promise<void>;
}

/** s3rver makes the tokens by which a listing goes on with DES. */
const execArgv = ["--openssl-legacy-provider"];

const program = fileURLToPath(new URL("s3-process.ts", import.meta.url));

/**
 * Starts an S3 server that keeps its objects as files in `s3` of the data folder. Like a real one it has a process of its own,
 * since megabytes must not hold up messages; it ends with `stop()` or with this process. It keeps nothing in memory, so that
 * several may serve the same folder.
 * @throws {EmbeddedError} when it cannot run here
 */
export async function startStorage({ dataDir }: { dataDir: string }): Promise<EmbeddedStorage> {
	const child = fork(program, [dataDir], { execArgv, stdio: ["ignore", "ignore", "inherit", "ipc"] });
	giveWay(child);
	const answer = await Promise.race([
		once(child, "message").then(([message]) => message as S3Answer),
		once(child, "exit").then(
			([code]): S3Answer => ({ problem: `The embedded S3 ended with ${code}: set S3_BUCKET to do without` }),
		),
	]);
	if ("problem" in answer) {
		child.kill("SIGKILL");
		throw new EmbeddedError(answer.problem);
	}
	// It must not keep a process alive that has nothing else to do.
	child.unref();
	child.channel?.unref();
	return {
		s3: answer.s3,
		async stop() {
			if (child.exitCode !== null || child.signalCode !== null) return;
			child.ref();
			const exited = once(child, "exit");
			child.kill("SIGKILL");
			await exited;
		},
	};
}
