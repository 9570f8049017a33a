import { DataTypes, type Model, type ModelStatic, Op } from "sequelize";
import type { WithModel } from "../../mixins/crud.ts";
import type { ActionsOf } from "../contracts.ts";

/** A row whose name or title changed, and the transaction that changed it. */
export interface Renamed {
	id: string;
	xid: string;
}

/** What a row needs for this; the database sets it (see the migration). */
export interface Renamable {
	id: string;
	/** The transaction that changed the name, as long as it is not known wherever the name is shown. */
	renamedXid: string | null;
}

export const renamedXid = DataTypes.STRING;

type RenamableModel = ModelStatic<Model<Renamable, Partial<Renamable>>>;

/** What `users` and `applications` offer alike. */
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

/** Rows whose new name is not known everywhere. */
async function listRenamed(model: RenamableModel, limit: number): Promise<Renamed[]> {
	const where = { renamedXid: { [Op.not]: null } };
	const rows = await model.findAll({ where, attributes: ["id", "renamedXid"], order: ["id"], limit });
	return rows.map((row) => ({ id: row.get().id, xid: String(row.get().renamedXid) }));
}

/** Their names are known everywhere now, except where they changed once more meanwhile. */
async function forgetRenamed(model: RenamableModel, renamed: Renamed[]): Promise<void> {
	const where = { [Op.or]: renamed.map(({ id, xid }) => ({ id, renamedXid: xid })) };
	if (renamed.length > 0) await model.update({ renamedXid: null }, { where, silent: true });
}
