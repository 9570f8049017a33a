// The idle workload preloads this into the server (with --expose-gc), so that garbage is not counted as memory in use.
process.on("SIGUSR2", () => globalThis.gc?.());
