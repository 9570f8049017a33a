import { Op } from "sequelize";
import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { Params } from "../contracts.ts";
import { type ApplicationRow, toApplication } from "./application.model.ts";
import type { JobApplication } from "./directory.contract.ts";

/**
 * Returns the application for a user who opens its conversation. If the user is its applicant or employer, these two cannot change from
 * now on (docs/adr/0022). This happens before the conversation is made, so a conversation is always between the people of its
 * application. NOT_FOUND.
 */
export async function openApplication(
	{ model }: WithModel<ApplicationRow>,
	{ id, userId }: Params<"applications.open">,
): Promise<JobApplication> {
	const row = await find(model, id);
	if (row.openedAt !== null || (userId !== row.applicantId && userId !== row.employerId)) return toApplication(row);
	const where = { id, openedAt: null, [Op.or]: [{ applicantId: userId }, { employerId: userId }] };
	const [, [opened]] = await model.update({ openedAt: new Date() }, { where, returning: true, silent: true });
	// Otherwise another request has opened it, or its people have just changed.
	return toApplication(opened?.get() ?? (await find(model, id)));
}

async function find(model: WithModel<ApplicationRow>["model"], id: string): Promise<ApplicationRow> {
	const row = await model.findByPk(id);
	if (!row) throw new ParleyError("NOT_FOUND");
	return row.get();
}
