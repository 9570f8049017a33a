import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Config } from "../lib/config.ts";
import { runWhenIdle } from "../services/media/cpu-priority.ts";
import { EmbeddedError } from "./error.ts";
import { keepRunning, type Running, type Watcher } from "./keep-running.ts";
import { openFolder, ownerOf } from "./ownership.ts";
import { plainEnvironment } from "./plain-environment.ts";
import type { S3Answer } from "./s3-process.ts";
import { runAs } from "./unprivileged.ts";

export interface StorageOptions {
	dataDir: string;
	/** By default, reports go to standard error, and this process exits with code 1 when the server is lost. */
	watcher?: Watcher;
}

/** A running server. */
export interface EmbeddedStorage {
	/** The settings to reach it. */
	s3: Config["s3"];
	stop(): Promise<void>;
}

/** s3rver encrypts the continuation tokens of listings with DES, which OpenSSL has only as a legacy algorithm. */
const execArgv = ["--openssl-legacy-provider"];

const program = fileURLToPath(new URL("s3-process.ts", import.meta.url));

/**
 * Starts an S3 server that keeps its objects as files in `s3` of the data folder. It runs in a process of its own, since large
 * transfers must not delay messages. It keeps no state in memory, so several servers may use the same folder. It ends with `stop()`
 * or with this process. If it ends by itself, it is restarted on the same port.
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

/** Uses a free port if none is given. Root starts it as the owner of the folder, so that its files belong to that owner. */
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
	runWhenIdle(child);
	const kill = () => child.kill("SIGKILL");
	stopping.addEventListener("abort", kill);
	const answer = await Promise.race([
		once(child, "message").then(([message]) => message as S3Answer),
		ended.then((reason): S3Answer => ({ problem: `The embedded S3 did not start (${reason}): set S3_BUCKET to use another S3` })),
	]);
	stopping.removeEventListener("abort", kill);
	if ("problem" in answer) {
		await stop();
		throw new EmbeddedError(answer.problem);
	}
	// It must not keep a process alive that has ended its work.
	child.unref();
	child.channel?.unref();
	return { s3: answer.s3, ended, stop };
}
