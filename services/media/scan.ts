import { spawn } from "node:child_process";
import { ParleyError } from "../../lib/errors.ts";

const patienceMs = 20_000;

/**
 * What the virus scanner says of an upload. It reads it from its standard input and exits with 0: clean, 1: infected, as
 * clamdscan and clamscan do. Anything else (no such program, another code, too long) is UNAVAILABLE: what was not scanned is
 * not shown to anybody.
 */
export function scan(command: string, bytes: Buffer): Promise<"clean" | "infected"> {
	const [program = "", ...args] = command.split(/\s+/).filter(Boolean);
	const { promise, resolve, reject } = Promise.withResolvers<"clean" | "infected">();
	const failed = (why: unknown) =>
		reject(new ParleyError("UNAVAILABLE", { message: "The image cannot be scanned now.", cause: why }));

	const child = spawn(program, args, {
		stdio: ["pipe", "ignore", "ignore"],
		signal: AbortSignal.timeout(patienceMs),
		killSignal: "SIGKILL",
	});
	child.on("error", failed);
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
