import { spawn } from "node:child_process";
import { childEnv } from "../../lib/child-env.ts";
import { ParleyError } from "../../lib/errors.ts";

/** Less than `processingTimeoutSeconds`. */
const timeoutMs = 20_000;

/** The scanner did not finish in time. */
export class ScanTimeout extends Error {
	override name = "ScanTimeout";
}

/**
 * Lets the virus scanner check an upload. The scanner reads the upload from its standard input and exits with 0 (clean) or 1
 * (infected), as clamdscan and clamscan do. Any other end (no such program, another exit code) throws UNAVAILABLE, and taking too
 * long throws ScanTimeout: an image that was not scanned is never shown. The scanner gets only the environment of `childEnv`.
 */
export function scan(command: string, bytes: Buffer): Promise<"clean" | "infected"> {
	const [program = "", ...args] = command.split(/\s+/).filter(Boolean);
	const { promise, resolve, reject } = Promise.withResolvers<"clean" | "infected">();
	const signal = AbortSignal.timeout(timeoutMs);
	const failed = (cause: unknown) =>
		reject(new ParleyError("UNAVAILABLE", { message: "The image cannot be scanned now.", cause }));

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
	// A scanner may stop reading before the end of the upload.
	child.stdin.on("error", () => {});
	child.stdin.end(bytes);
	return promise;
}
