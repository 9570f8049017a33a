import type { Params } from "../../lib/contracts.ts";
import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { ApplicationRow } from "./application.model.ts";
import type { JobApplication } from "./directory.contract.ts";

/** Creates or replaces. VALIDATION_FAILED unless both people are registered. */
export async function putApplication(
	{ model }: WithModel<ApplicationRow>,
	activeIds: string[],
	params: Params<"applications.put">,
): Promise<{ application: JobApplication; isRenamed: boolean }> {
	const details = (["applicantId", "employerId"] as const)
		.filter((path) => !activeIds.includes(params[path]))
		.map((path) => ({ path, message: "is not a registered user" }));
	if (details.length > 0) throw new ParleyError("VALIDATION_FAILED", { details });
	const [row] = await model.upsert(params, { returning: true });
	return { application: toApplication(row.get()), isRenamed: row.get().renamedXid !== null };
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
