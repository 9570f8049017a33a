import type { ParleyError } from "../../lib/errors.ts";
import type { Database } from "../../mixins/database.ts";
import { type Appended, append as appendFree, appendWaiting, type Draft, type Sent } from "../../services/messages/append.ts";
import { textMessages } from "../../testing/text-messages.ts";

/** Appends as the mailbox does: what somebody else holds is waited for afterwards, and then the answer must be one. */
export async function append(db: Database, drafts: Draft[]): Promise<(Sent | ParleyError)[]> {
	const answers = await appendFree(db, textMessages, drafts);
	const held = drafts.filter((_, i) => answers[i] === "held");
	const later = held.length === 0 ? [] : await appendWaiting(db, textMessages, held);
	return answers.map((answer) => answered(answer === "held" ? later.shift() : answer));
}

function answered(answer: Appended | undefined): Sent | ParleyError {
	if (answer === undefined || answer === "held") throw new Error("somebody holds the conversation");
	return answer;
}
