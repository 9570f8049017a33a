import { ParleyError } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Calls, Result } from "../contracts.ts";

/**
 * Creates the conversation of a job application, or returns the one that exists. APPLICATION_REQUIRED when there is no such
 * application, NOT_FOUND when it belongs to other people.
 */
export async function create(
	db: Database,
	calls: Calls,
	jobApplicationId: string,
	callerId: string,
): Promise<{ conversationId: string; userIds: string[]; created: boolean }> {
	const { applicantId, employerId } = await applicationOf(calls, jobApplicationId, callerId);
	if (callerId !== applicantId && callerId !== employerId) throw new ParleyError("NOT_FOUND");
	const userIds = [applicantId, employerId];
	const values = [...userIds, jobApplicationId];
	const [inserted] = await db.query<{ id: string }>(insertStatement, [newId(), ...values]);
	if (inserted) return { conversationId: inserted.id, userIds, created: true };
	const [existing] = await db.query<{ id: string }>(findStatement, values);
	if (!existing) throw new ParleyError("UNAVAILABLE");
	return { conversationId: existing.id, userIds, created: false };
}

async function applicationOf(calls: Calls, id: string, userId: string): Promise<Result<"applications.open">> {
	try {
		return await calls.call("applications.open", { id, userId });
	} catch (error) {
		if ((error as ParleyError).type === "NOT_FOUND") throw new ParleyError("APPLICATION_REQUIRED", { cause: error });
		throw error;
	}
}

const insertStatement = statement(
	"conversations.create",
	`
	with created as (
		insert into conversations (id, user1_id, user2_id, job_application_id) values ($1, $2, $3, $4)
		on conflict do nothing returning id
	),
	joined as (
		insert into participants (conversation_id, user_id) select id, user_id from created, (values ($2), ($3)) as people (user_id)
	)
	select id from created`,
);

const findStatement = statement(
	"conversations.find",
	`select id from conversations
	where job_application_id = $3 and duplicate_of is null
		and least(user1_id, user2_id) = least($1::text, $2::text) and greatest(user1_id, user2_id) = greatest($1::text, $2::text)`,
);
