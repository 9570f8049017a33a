import { DataTypes } from "sequelize";
import type { Table } from "../../mixins/crud.ts";
import type { JobApplication } from "./directory.contract.ts";
import { type Renamable, renamedXid } from "./renames.ts";

export interface ApplicationRow extends Renamable {
	applicantId: string;
	employerId: string;
	jobTitle: string;
	status: string;
	/** Since then, the applicant and the employer cannot change (docs/adr/0022). */
	openedAt: Date | null;
	createdAt: Date;
	updatedAt: Date;
}

export const applicationTable: Table = {
	name: "job_applications",
	define: {
		id: { type: DataTypes.TEXT, primaryKey: true },
		applicantId: { type: DataTypes.TEXT, allowNull: false },
		employerId: { type: DataTypes.TEXT, allowNull: false },
		jobTitle: { type: DataTypes.TEXT, allowNull: false },
		status: { type: DataTypes.TEXT, allowNull: false },
		renamedXid,
		openedAt: DataTypes.DATE(3),
	},
};

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
