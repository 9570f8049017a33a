import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { Params } from "../contracts.ts";
import type { Contact, User } from "./directory.contract.ts";
import { upsert } from "./upsert.ts";
import type { UserRow } from "./user.model.ts";

/**
 * Creates or replaces a user. ERASED if the user was erased. This is one statement, so that puts and erasures at the same time cannot
 * give an erased user a name again.
 */
export async function putUser(
	service: WithModel<UserRow>,
	params: Params<"users.put">,
): Promise<{ user: User; isRenamed: boolean }> {
	const { id, name, email = null, locale = null, timezone = null } = params;
	const row = await upsert(service, putStatement, [id, name, email, locale, timezone]);
	if (!row) throw new ParleyError("ERASED");
	return { user: toUser(row), isRenamed: row.renamedXid !== null };
}

const putStatement = `
	insert into users (id, name, email, locale, timezone) values ($1, $2, $3, $4, $5)
	on conflict (id) do update
		set name = excluded.name, email = excluded.email, locale = excluded.locale, timezone = excluded.timezone, updated_at = now()
		where users.deleted_at is null
	returning *`;

function toUser({ id, name, email, locale, timezone, createdAt, updatedAt }: UserRow): User {
	return { id, name, email, locale, timezone, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}

export function toContact(row: UserRow): Contact {
	const { name, email, locale, timezone, updatedAt } = toUser(row);
	return { name, email, locale, timezone, updatedAt };
}
