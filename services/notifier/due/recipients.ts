import { LRUCache } from "lru-cache";
import type { ServiceBroker } from "moleculer";
import { chunksOf, idsPerCall } from "../../../lib/chunks.ts";
import { callsOf } from "../../contracts.ts";
import type { RecipientsOf } from "./note-unread.ts";
import { keyOf } from "./situations.ts";

const maxKnown = 100_000;

/** The tail reader waits for the answer in a transaction, which PostgreSQL ends when it is idle for long. */
const timeoutMs = 1_000;

/** Who gets what a person writes in a conversation. The two people of a conversation never change, so they are remembered. */
export function createRecipientsOf(broker: ServiceBroker): RecipientsOf {
	const known = new LRUCache<string, string>({ max: maxKnown });
	return async (sent) => {
		const pairs = new Map(sent.map((one) => [keyOf(one.conversationId, one.userId), one]));
		const unknown = [...pairs].flatMap(([key, pair]) => (known.has(key) ? [] : [pair]));
		for (const chunk of chunksOf(unknown, idsPerCall)) {
			const { levels } = await callsOf(broker).call("conversations.levels", { pairs: chunk }, { timeout: timeoutMs, retries: 0 });
			for (const { conversationId, userId, otherId } of levels) known.set(keyOf(conversationId, userId), otherId);
		}
		return new Map(
			[...pairs.keys()].flatMap((key) => {
				const recipient = known.get(key);
				return recipient === undefined ? [] : [[key, recipient] as const];
			}),
		);
	};
}
