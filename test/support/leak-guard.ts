import type { EnvironmentContext, JestEnvironmentConfig } from "@jest/environment";
import type { Circus } from "@jest/types";
import { TestEnvironment } from "jest-environment-node";

/**
 * Fails a test file that leaves a broker, pool, socket, server or child process open. An environment, because only that is told
 * when the file's own `afterAll` hooks, which close them, have run.
 */
export default class LeakGuard extends TestEnvironment {
	readonly #before: Record<string, number>;

	constructor(config: JestEnvironmentConfig, context: EnvironmentContext) {
		super(config, context);
		this.#before = this.#open();
	}

	async handleTestEvent(event: Circus.Event): Promise<void> {
		if (event.name === "run_finish") await this.#allClosed();
	}

	/** What was closed just now may take a moment to go. */
	async #allClosed(): Promise<void> {
		const deadline = Date.now() + closedWithinMs;
		for (;;) {
			const left = this.#left();
			if (left.length === 0) return;
			if (Date.now() > deadline) throw new Error(`This test file left open: ${left.join(", ")}.`);
			await new Promise((resolve) => setTimeout(resolve, 10));
		}
	}

	#left(): string[] {
		const open = Object.entries(this.#open());
		return open.filter(([kind, count]) => count > (this.#before[kind] ?? 0)).map(([kind, count]) => `${count} ${kind}`);
	}

	#open(): Record<string, number> {
		const open: Record<string, number> = {};
		for (const resource of process.getActiveResourcesInfo()) {
			const kind = kinds[resource];
			if (kind) open[kind] = (open[kind] ?? 0) + 1;
		}
		// A broker that was started and not stopped listens for the signals that end the process.
		open.brokers = this.global.process.listenerCount("SIGTERM");
		return open;
	}
}

const closedWithinMs = 10_000;

const kinds: Record<string, string> = {
	TCPSocketWrap: "sockets",
	TLSWrap: "sockets",
	TCPServerWrap: "servers",
	PipeServerWrap: "servers",
	ProcessWrap: "processes",
};
