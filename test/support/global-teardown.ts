import { rmSync } from "node:fs";
import type { TestRun } from "./global-setup.ts";

export default async function teardown(): Promise<void> {
	const { testRun } = globalThis as unknown as { testRun: TestRun };
	await testRun.postgres.stop();
	rmSync(testRun.dataDir, { recursive: true });
}
