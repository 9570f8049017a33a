import { DataTypes } from "sequelize";
import type { Table } from "../../mixins/crud.ts";

export interface ApplicationRow {
	id: string;
	applicantId: string;
	employerId: string;
	jobTitle: string;
	status: string;
	/** Since when its people are fixed. */
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
		openedAt: DataTypes.DATE(3),
	},
};
