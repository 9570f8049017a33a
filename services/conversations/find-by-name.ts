import { chunksOf, idsPerCall } from "../../lib/chunks.ts";
import { foldText } from "../../lib/fold.ts";
import { mapInTurns, readingTurns } from "../../lib/turns.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Calls } from "../contracts.ts";
import { otherParticipant } from "../conversation-sql.ts";

/**
 * The ids of the viewer's conversations in which the other person's name and the job title together contain every word of `q`, in
 * any order, also inside longer words. The directory owns names and titles; it is asked only for those of the viewer's
 * conversations.
 */
export async function findByName(db: Database, calls: Calls, viewerId: string, q: string): Promise<string[]> {
	const rows = await db.query<{ id: string; otherId: string; applicationId: string }>(othersStatement, [viewerId]);
	if (rows.length === 0) return [];
	const [names, titles] = await Promise.all([
		lookUp(calls, "users.names", new Set(rows.map(({ otherId }) => otherId))),
		lookUp(calls, "applications.titles", new Set(rows.map(({ applicationId }) => applicationId))),
	]);
	const words = foldText(q).split(/\s+/);
	const isFound = await mapInTurns(readingTurns, rows, ({ otherId, applicationId }) => {
		const text = foldText(`${names.get(otherId) ?? ""} ${titles.get(applicationId) ?? ""}`);
		return words.every((word) => text.includes(word));
	});
	return rows.filter((_, i) => isFound[i]).map(({ id }) => id);
}

/** One chunk after the other: a user may have thousands of conversations. */
async function lookUp(
	calls: Calls,
	action: "users.names" | "applications.titles",
	ids: Set<string>,
): Promise<Map<string, string>> {
	const found = new Map<string, string>();
	for (const chunk of chunksOf([...ids], idsPerCall)) {
		for (const [id, text] of Object.entries(await calls.call(action, { ids: chunk }))) found.set(id, text);
	}
	return found;
}

const othersStatement = statement(
	"conversations.others",
	`select id, ${otherParticipant("$1", "conversations")} as "otherId", job_application_id as "applicationId"
	from conversations where user1_id = $1 or user2_id = $1`,
);
