import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "moleculer";
import type { Storage } from "../../mixins/storage.ts";
import { prepareStorage, type StorageSettings } from "./prepare-storage.ts";

const [minPauseMs, maxPauseMs] = [500, 30_000];

/**
 * Makes the storage ready as soon as it can be, if it was away when the process started. A refusal now is only told: a process that
 * serves messages does not end for images. Resolves when there is nothing more to do, or `signal` is aborted.
 */
export async function prepareWhenBack(
	storage: Storage,
	settings: StorageSettings,
	logger: Pick<Logger, "info" | "warn">,
	signal: AbortSignal,
): Promise<void> {
	if (await storage.check(signal).then(...outcome)) return;
	let told: string | undefined;
	for (let pauseMs = minPauseMs; !signal.aborted; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
		const problem = await prepareStorage(settings, signal).catch(({ message }: Error) => message);
		if (signal.aborted) return;
		if (problem === undefined) {
			if (told !== undefined) logger.info("The image storage is ready.");
			return;
		}
		if (problem !== told) logger.warn(`${problem}. Images are UNAVAILABLE until it can.`);
		told = problem;
		await delay(pauseMs, undefined, { signal }).catch(() => {});
	}
}

const outcome = [() => true, () => false] as const;
