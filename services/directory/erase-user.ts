import { col, fn } from "sequelize";
import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { UserRow } from "./user.model.ts";

/** The name of every erased user. */
export const erasedName = "Deleted user";

/**
 * Makes a user anonymous permanently. NOT_FOUND when there never was such a user. This is one statement, because a put between
 * a read and a write could be lost.
 */
export async function eraseUser({ model }: WithModel<UserRow>, id: string): Promise<void> {
	const blank = { name: erasedName, email: null, locale: null, timezone: null };
	const [erased] = await model.update({ ...blank, deletedAt: firstErasedAt }, { where: { id } });
	if (erased === 0) throw new ParleyError("NOT_FOUND");
}

/** The time of the first erasure. */
const firstErasedAt = fn("coalesce", col("deleted_at"), fn("now"));
