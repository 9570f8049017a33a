import { col, fn } from "sequelize";
import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { UserRow } from "./user.model.ts";

/** What is shown in place of an erased person's name. */
export const erasedName = "Deleted user";

/**
 * Makes a person anonymous, for good. NOT_FOUND when there never was one. One statement decides: a person who is put between two
 * would be taken for one who is erased already.
 */
export async function eraseUser({ model }: WithModel<UserRow>, id: string): Promise<void> {
	const blank = { name: erasedName, email: null, locale: null, timezone: null };
	const [erased] = await model.update({ ...blank, deletedAt: sinceFirst }, { where: { id } });
	if (erased === 0) throw new ParleyError("NOT_FOUND");
}

/** When the person was erased the first time. */
const sinceFirst = fn("coalesce", col("deleted_at"), fn("now"));
