import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { UserRow } from "./user.model.ts";

/** What is shown in place of an erased person's name. */
export const erasedName = "Deleted user";

/** Makes a person anonymous, for good. NOT_FOUND when there never was one. */
export async function eraseUser({ model }: WithModel<UserRow>, id: string): Promise<void> {
	const blank = { name: erasedName, email: null, locale: null, timezone: null, deletedAt: new Date() };
	const [erased] = await model.update(blank, { where: { id, deletedAt: null } });
	if (erased === 0 && !(await model.findByPk(id))) throw new ParleyError("NOT_FOUND");
}
