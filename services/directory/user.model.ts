import { DataTypes } from "sequelize";
import type { Table } from "../../mixins/crud.ts";
import { type Renamable, renamedXid } from "./renames.ts";

export interface UserRow extends Renamable {
	name: string;
	email: string | null;
	locale: string | null;
	timezone: string | null;
	createdAt: Date;
	updatedAt: Date;
	/** When the user was erased. */
	deletedAt: Date | null;
}

export const userTable: Table = {
	name: "users",
	define: {
		id: { type: DataTypes.TEXT, primaryKey: true },
		name: { type: DataTypes.TEXT, allowNull: false },
		email: DataTypes.TEXT,
		locale: DataTypes.TEXT,
		timezone: DataTypes.TEXT,
		deletedAt: DataTypes.DATE(3),
		renamedXid,
	},
};
