import { spawn } from "node:child_process";
import { childEnv } from "../../lib/config/child-env.ts";
import { ParleyError } from "../../lib/errors.ts";

/** Less than an image may take altogether. */
const timeoutMs = 20_000;

/** What was uploaded keeps the scanner busy without an end. */
export class ScanTimeout extends Error {
	override name = "ScanTimeout";
}

/**
 * What the virus scanner says of an upload. It reads it from its standard input and exits with 0: clean, 1: infected, as
 * clamdscan and clamscan do. Anything else (no such program, another code) is UNAVAILABLE, and too long is a ScanTimeout: what was
 * not scanned is not shown to anybody. It sees nothing of our environment but what programs need to run.
 */
export function scan(command: string, bytes: Buffer): Promise<"clean" | "infected"> {
	const [program = "", ...args] = command.split(/\s+/).filter(Boolean);
	const { promise, resolve, reject } = Promise.withResolvers<"clean" | "infected">();
	const signal = AbortSignal.timeout(timeoutMs);
	const failed = (why: unknown) =>
		reject(new ParleyError("UNAVAILABLE", { message: "The image cannot be scanned now.", cause: why }));

	const child = spawn(program, args, {
		stdio: ["pipe", "ignore", "ignore"],
		env: childEnv(),
		signal,
		killSignal: "SIGKILL",
	});
	child.on("error", (error) => (signal.aborted ? reject(new ScanTimeout(`${program} took too long.`)) : failed(error)));
	child.on("exit", (code, signal) => {
		if (code === 0) resolve("clean");
		else if (code === 1) resolve("infected");
		else failed(new Error(`${program} ended with ${code ?? signal}`));
	});
	// A scanner may have seen enough before the end.
	child.stdin.on("error", () => {});
	child.stdin.end(bytes);
	return promise;
}
