import { constants } from "node:os";

type Signal = "SIGINT" | "SIGTERM" | "SIGHUP";

const tasks = new Set<() => void>();

/** Runs a synchronous task when this process exits, also by a signal. The returned function cancels that. */
export function atExit(task: () => void): () => void {
	if (tasks.size === 0) {
		process.on("exit", runTasks);
		for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, exitUnlessHandled);
	}
	tasks.add(task);
	return () => {
		if (!tasks.delete(task) || tasks.size > 0) return;
		process.off("exit", runTasks);
		for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, exitUnlessHandled);
	};
}

function runTasks(): void {
	for (const task of tasks) task();
}

/** By default a signal ends Node without its exit hooks. If there is another listener, it decides, for example for a graceful stop. */
function exitUnlessHandled(signal: Signal): void {
	if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal]);
}
