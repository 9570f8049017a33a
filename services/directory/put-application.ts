import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { Params } from "../contracts.ts";
import { type ApplicationRow, toApplication } from "./application.model.ts";
import type { JobApplication } from "./directory.contract.ts";
import { upsert } from "./upsert.ts";

/**
 * Creates or replaces an application. VALIDATION_FAILED unless both people are registered users. Once the application is opened,
 * also VALIDATION_FAILED if its people are not the same as before.
 */
export async function putApplication(
	service: WithModel<ApplicationRow>,
	activeIds: string[],
	params: Params<"applications.put">,
): Promise<{ application: JobApplication; isRenamed: boolean }> {
	const details = people
		.filter((path) => !activeIds.includes(params[path]))
		.map((path) => ({ path, message: "is not a registered user" }));
	if (details.length > 0) throw new ParleyError("VALIDATION_FAILED", { details });
	const { id, applicantId, employerId, jobTitle, status } = params;
	const row = await upsert(service, putStatement, [id, applicantId, employerId, jobTitle, status]);
	if (!row) throw otherPeople(params, (await service.model.findByPk(id))?.get());
	return { application: toApplication(row), isRenamed: row.renamedXid !== null };
}

const people = ["applicantId", "employerId"] as const;

/** One statement, so that an application that is opened at the same time is either changed before that or not changed. */
const putStatement = `
	insert into job_applications as known (id, applicant_id, employer_id, job_title, status) values ($1, $2, $3, $4, $5)
	on conflict (id) do update
		set applicant_id = excluded.applicant_id, employer_id = excluded.employer_id,
			job_title = excluded.job_title, status = excluded.status, updated_at = now()
		where known.opened_at is null
			or (known.applicant_id, known.employer_id) = (excluded.applicant_id, excluded.employer_id)
	returning *`;

function otherPeople(params: Params<"applications.put">, known: ApplicationRow | undefined): ParleyError {
	const details = people
		.filter((path) => known?.[path] !== params[path])
		.map((path) => ({ path, message: "must stay: the two people have a conversation" }));
	return new ParleyError("VALIDATION_FAILED", { details });
}
