import type { Params } from "../../lib/contracts.ts";
import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { User } from "./directory.contract.ts";
import type { UserRow } from "./user.model.ts";

/** Creates or replaces. The row is locked first, so that a late update cannot give an erased person their name back. */
export function putUser(
	{ model, adapter }: WithModel<UserRow>,
	params: Params<"users.put">,
): Promise<{ user: User; isRenamed: boolean }> {
	const { id, name, email = null, locale = null, timezone = null } = params;
	return adapter.db.transaction(async (transaction) => {
		const known = await model.findByPk(id, { transaction, lock: transaction.LOCK.UPDATE });
		if (known?.get("deletedAt")) throw new ParleyError("NOT_FOUND", { message: "This person was erased." });
		const [row] = await model.upsert({ id, name, email, locale, timezone }, { transaction, returning: true });
		return { user: toUser(row.get()), isRenamed: row.get().renamedXid !== null };
	});
}

function toUser({ id, name, email, locale, timezone, createdAt, updatedAt }: UserRow): User {
	return { id, name, email, locale, timezone, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}
