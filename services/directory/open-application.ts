import { Op } from "sequelize";
import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { Params } from "../contracts.ts";
import type { ApplicationRow } from "./application.model.ts";
import type { JobApplication } from "./directory.contract.ts";
import { toApplication } from "./put-application.ts";

/**
 * The application, for somebody who opens its conversation: if they are one of its people, who these are is fixed from now on
 * (docs/adr/0022). It is fixed before there is a conversation, so that none is ever between others. NOT_FOUND.
 */
export async function openApplication(
	{ model }: WithModel<ApplicationRow>,
	{ id, userId }: Params<"applications.open">,
): Promise<JobApplication> {
	const row = await find(model, id);
	if (row.openedAt !== null || (userId !== row.applicantId && userId !== row.employerId)) return toApplication(row);
	const where = { id, openedAt: null, [Op.or]: [{ applicantId: userId }, { employerId: userId }] };
	const [, [opened]] = await model.update({ openedAt: new Date() }, { where, returning: true, silent: true });
	// Somebody else has opened it, or the people have changed.
	return toApplication(opened?.get() ?? (await find(model, id)));
}

async function find(model: WithModel<ApplicationRow>["model"], id: string): Promise<ApplicationRow> {
	const row = await model.findByPk(id);
	if (!row) throw new ParleyError("NOT_FOUND");
	return row.get();
}
