import type { Database } from "../../../mixins/database.ts";
import type { Params } from "../../contracts.ts";
import type { ToMessages } from "../message-row.ts";
import { bestFirst } from "./best-first.ts";
import { formsOf } from "./forms.ts";
import { newestFirst } from "./newest-first.ts";
import type { Found } from "./page.ts";
import { parseQuery } from "./query.ts";

/**
 * The caller's messages that match, best or newest first. Signatures in the primary key (signature.ts) and the full-text index
 * (forms.ts) give candidates. Each is then read and compared with the query, so that only what really matches is found.
 *
 * Where the index has all words of a query, it finds whole words and their forms in the whole history. Then signatures, which find
 * parts of words, are compared in the newest messages of each conversation first; the last pages have the matches in older ones.
 * @throws VALIDATION_FAILED for a query that is not understood
 */
export async function search(
	db: Database,
	toMessages: ToMessages,
	callerId: string,
	{ conversationId, q, sort, limit, cursor }: Params<"messages.search">,
): Promise<Found> {
	const query = parseQuery(q);
	const request = {
		...{ db, toMessages, limit },
		scope: { callerId, conversationId },
		query: { ...query, forms: await formsOf(db, query) },
	};
	return sort === "recent" ? newestFirst(request, cursor) : bestFirst(request, cursor);
}
