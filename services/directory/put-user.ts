import { QueryTypes } from "sequelize";
import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { Params } from "../contracts.ts";
import type { User } from "./directory.contract.ts";
import type { UserRow } from "./user.model.ts";

/**
 * Creates or replaces, in one statement: however many puts and erasures come at once, none gives an erased person their name back.
 * ERASED for such a person.
 */
export async function putUser(
	{ model, adapter }: WithModel<UserRow>,
	params: Params<"users.put">,
): Promise<{ user: User; isRenamed: boolean }> {
	const { id, name, email = null, locale = null, timezone = null } = params;
	const [row] = await adapter.db.query(putStatement, {
		bind: [id, name, email, locale, timezone],
		type: QueryTypes.SELECT,
		model,
		mapToModel: true,
	});
	if (!row) throw new ParleyError("ERASED");
	return { user: toUser(row.get()), isRenamed: row.get().renamedXid !== null };
}

/** Sequelize's `upsert` cannot say which rows are not to be replaced. */
const putStatement = `
	insert into users (id, name, email, locale, timezone) values ($1, $2, $3, $4, $5)
	on conflict (id) do update
		set name = excluded.name, email = excluded.email, locale = excluded.locale, timezone = excluded.timezone, updated_at = now()
		where users.deleted_at is null
	returning *`;

function toUser({ id, name, email, locale, timezone, createdAt, updatedAt }: UserRow): User {
	return { id, name, email, locale, timezone, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}
