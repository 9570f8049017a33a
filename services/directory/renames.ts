import { DataTypes, type Model, type ModelStatic, Op } from "sequelize";
import type { WithModel } from "../../mixins/crud.ts";
import type { ActionsOf } from "../contracts.ts";

/** A user or application whose name or title changed, and the transaction of the change. */
export interface Renamed {
	id: string;
	xid: string;
}

/** The columns that this needs. A trigger sets `renamedXid` (migrations/20261124T0700-renames.ts). */
export interface Renamable {
	id: string;
	/** The transaction that changed the name. Null when the service conversations has announced the change, or there was none. */
	renamedXid: string | null;
}

export const renamedXid = DataTypes.STRING;

type RenamableModel = ModelStatic<Model<Renamable, Partial<Renamable>>>;

/** The actions that `users` and `applications` have in common. */
export const renameActions = {
	renamed: {
		async handler(ctx) {
			return { renamed: await listRenamed(this.model, ctx.params.limit) };
		},
	},
	forgetRenamed: {
		async handler(ctx) {
			await forgetRenamed(this.model, ctx.params.renamed);
			return null;
		},
	},
} satisfies Pick<ActionsOf<"users", WithModel<Renamable>>, "renamed" | "forgetRenamed">;

/** Rows whose new name is not announced yet. */
async function listRenamed(model: RenamableModel, limit: number): Promise<Renamed[]> {
	const where = { renamedXid: { [Op.not]: null } };
	const rows = await model.findAll({ where, attributes: ["id", "renamedXid"], order: ["id"], limit });
	return rows.map((row) => ({ id: row.get().id, xid: String(row.get().renamedXid) }));
}

/** To be called when the new names are announced. A row that was renamed again meanwhile stays in the list. */
async function forgetRenamed(model: RenamableModel, renamed: Renamed[]): Promise<void> {
	const where = { [Op.or]: renamed.map(({ id, xid }) => ({ id, renamedXid: xid })) };
	if (renamed.length > 0) await model.update({ renamedXid: null }, { where, silent: true });
}
