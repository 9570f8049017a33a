import type { ParleyError } from "../../lib/errors.ts";
import type { Database } from "../../mixins/database.ts";
import { type Appended, append as appendFree, appendWaiting, type Draft, type Sent } from "../../services/messages/append.ts";
import { textMessages } from "../../testing/text-messages.ts";

/** Appends as the mailbox does: it waits afterwards for conversations that are locked, and then each draft has an answer. */
export async function append(db: Database, drafts: Draft[]): Promise<(Sent | ParleyError)[]> {
	const answers = await appendFree(db, textMessages, drafts);
	const locked = drafts.filter((_, i) => answers[i] === "locked");
	const later = locked.length === 0 ? [] : await appendWaiting(db, textMessages, locked);
	return answers.map((answer) => answered(answer === "locked" ? later.shift() : answer));
}

function answered(answer: Appended | undefined): Sent | ParleyError {
	if (answer === undefined || answer === "locked") throw new Error("the conversation is locked");
	return answer;
}
