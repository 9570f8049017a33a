import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Config } from "../lib/config/config.ts";
import { giveWay } from "../services/media/cpu-priority.ts";
import { EmbeddedError } from "./error.ts";
import { keepRunning, type Running, type Watcher } from "./keep-running.ts";
import { openFolder, ownerOf } from "./ownership.ts";
import { plainEnvironment } from "./plain-environment.ts";
import type { S3Answer } from "./s3-process.ts";
import { runAs } from "./unprivileged.ts";

export interface StorageOptions {
	dataDir: string;
	/** By default it writes to standard error, and ends this process with exit code 1 when the server is lost. */
	watcher?: Watcher;
}

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
 * several may serve the same folder. Should it end by itself, it is started again on the same port.
 * @throws {EmbeddedError} when it cannot run here
 */
export async function startStorage({ dataDir, watcher }: StorageOptions): Promise<EmbeddedStorage> {
	const folder = openFolder(dataDir);
	let s3: Config["s3"] = {};
	const stop = await keepRunning(
		{
			name: "The embedded S3",
			async start(stopping) {
				const server = await launch(folder, stopping, s3.endpoint && new URL(s3.endpoint).port);
				s3 = server.s3;
				return server;
			},
		},
		watcher,
	);
	return { s3, stop };
}

/** On a free port if none is given. Root starts it as the user whose folder it is, so that its files are that user's. */
async function launch(folder: string, stopping: AbortSignal, port?: string): Promise<Running & { s3: Config["s3"] }> {
	const owner = ownerOf(folder);
	const [execPath, args] = owner ? runAs(owner, "S3_BUCKET")(process.execPath, execArgv) : [process.execPath, execArgv];
	const child = fork(program, [folder, ...(port ? [port] : [])], {
		execPath,
		execArgv: args,
		env: plainEnvironment(),
		stdio: ["ignore", "ignore", "inherit", "ipc"],
	});
	const ended = new Promise<string>((resolve) => {
		child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
		child.on("error", ({ message }) => resolve(message));
	});
	const stop = async () => {
		child.ref();
		child.kill("SIGKILL");
		await ended;
	};
	giveWay(child);
	const kill = () => child.kill("SIGKILL");
	stopping.addEventListener("abort", kill);
	const answer = await Promise.race([
		once(child, "message").then(([message]) => message as S3Answer),
		ended.then((how): S3Answer => ({ problem: `The embedded S3 did not start (${how}): set S3_BUCKET to do without` })),
	]);
	stopping.removeEventListener("abort", kill);
	if ("problem" in answer) {
		await stop();
		throw new EmbeddedError(answer.problem);
	}
	// It must not keep a process alive that has nothing else to do.
	child.unref();
	child.channel?.unref();
	return { s3: answer.s3, ended, stop };
}
