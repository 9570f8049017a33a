// Preloaded into a server under test (with --expose-gc) by the idle workload: what its memory holds shall be counted, not what it
// has not collected yet.
process.on("SIGUSR2", () => globalThis.gc?.());
