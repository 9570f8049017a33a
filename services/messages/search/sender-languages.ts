import type { ServiceBroker } from "moleculer";
import { callsOf } from "../../contracts.ts";
import { type Language, languageOf } from "./languages.ts";

/** The language in which each of these people writes. */
export type LanguagesOf = (userIds: string[]) => Promise<Map<string, Language>>;

/** A changed locale is used for messages that are sent this much later. */
const maxAgeMs = 10 * 60 * 1_000;
const maxKnown = 50_000;

/** A batch of the indexer waits for the answer in its transaction, which PostgreSQL ends when it is idle for long. */
const timeoutMs = 1_000;

/** Asks the directory for people's locales, and remembers the answers for a while. People without one write `simple`. */
export function createLanguagesOf(broker: ServiceBroker): LanguagesOf {
	const calls = callsOf(broker);
	const known = new Map<string, { language: Language; atMs: number }>();
	return async (userIds) => {
		const nowMs = performance.now();
		const isKnown = (id: string) => nowMs - (known.get(id)?.atMs ?? Number.NEGATIVE_INFINITY) < maxAgeMs;
		const unknown = [...new Set(userIds)].filter((id) => !isKnown(id));
		if (unknown.length > 0) {
			const locales = await calls.call("users.locales", { ids: unknown }, { timeout: timeoutMs, retries: 0 });
			if (known.size + unknown.length > maxKnown) known.clear();
			for (const id of unknown) known.set(id, { language: languageOf(locales[id]), atMs: nowMs });
		}
		return new Map(userIds.map((id) => [id, known.get(id)?.language ?? "simple"]));
	};
}
