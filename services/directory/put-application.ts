import { QueryTypes } from "sequelize";
import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { Params } from "../contracts.ts";
import type { ApplicationRow } from "./application.model.ts";
import type { JobApplication } from "./directory.contract.ts";

/** Creates or replaces. VALIDATION_FAILED unless both people are registered, and for other people once it is opened. */
export async function putApplication(
	{ model, adapter }: WithModel<ApplicationRow>,
	activeIds: string[],
	params: Params<"applications.put">,
): Promise<{ application: JobApplication; isRenamed: boolean }> {
	const details = (["applicantId", "employerId"] as const)
		.filter((path) => !activeIds.includes(params[path]))
		.map((path) => ({ path, message: "is not a registered user" }));
	if (details.length > 0) throw new ParleyError("VALIDATION_FAILED", { details });
	const { id, applicantId, employerId, jobTitle, status } = params;
	const [row] = await adapter.db.query(putStatement, {
		bind: [id, applicantId, employerId, jobTitle, status],
		type: QueryTypes.SELECT,
		model,
		mapToModel: true,
	});
	if (!row) throw otherPeople(params, (await model.findByPk(id))?.get());
	return { application: toApplication(row.get()), isRenamed: row.get().renamedXid !== null };
}

/** In one statement, so that an application which is being opened is either changed before or not at all. */
const putStatement = `
	insert into job_applications as known (id, applicant_id, employer_id, job_title, status) values ($1, $2, $3, $4, $5)
	on conflict (id) do update
		set applicant_id = excluded.applicant_id, employer_id = excluded.employer_id,
			job_title = excluded.job_title, status = excluded.status, updated_at = now()
		where known.opened_at is null
			or (known.applicant_id, known.employer_id) = (excluded.applicant_id, excluded.employer_id)
	returning *`;

function otherPeople(params: Params<"applications.put">, known: ApplicationRow | undefined): ParleyError {
	const details = (["applicantId", "employerId"] as const)
		.filter((path) => known?.[path] !== params[path])
		.map((path) => ({ path, message: "must stay: the two people have a conversation" }));
	return new ParleyError("VALIDATION_FAILED", { details });
}

export function toApplication(row: ApplicationRow): JobApplication {
	const { id, applicantId, employerId, jobTitle, status, createdAt, updatedAt } = row;
	return {
		id,
		applicantId,
		employerId,
		jobTitle,
		status,
		createdAt: createdAt.toISOString(),
		updatedAt: updatedAt.toISOString(),
	};
}
