import { chunksOf, idsPerCall } from "../../lib/chunks.ts";

/**
 * Asks another service about any number of ids, in calls of a bounded size, for each id once. The answer is a map, because an id may be
 * the name of a property that every object has.
 */
export async function askByIds<Value>(
	ids: Iterable<string>,
	ask: (ids: string[]) => Promise<Record<string, Value>>,
): Promise<Map<string, Value>> {
	const answers = await Promise.all(chunksOf([...new Set(ids)], idsPerCall).map(ask));
	return new Map(answers.flatMap((answer) => Object.entries(answer)));
}
