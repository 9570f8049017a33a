import { crud, type WithModel } from "../../mixins/crud.ts";
import { defineService } from "../service.ts";
import { eraseUser } from "./erase-user.ts";
import { putUser, toContact } from "./put-user.ts";
import { renameActions } from "./renames.ts";
import { type UserRow, userTable } from "./user.model.ts";

type This = WithModel<UserRow>;

export default defineService<"users", This>("users", {
	mixins: [crud(userTable)],
	actions: {
		put: {
			async handler(ctx) {
				const { user, isRenamed } = await putUser(this, ctx.params);
				if (isRenamed) await ctx.emit("user.renamed", { userId: user.id });
				return user;
			},
		},
		erase: {
			async handler(ctx) {
				await eraseUser(this, ctx.params.id);
				await ctx.broadcast("user.erased", { userId: ctx.params.id });
				await ctx.emit("user.renamed", { userId: ctx.params.id });
				ctx.meta.$statusCode = 204;
				return null;
			},
		},
		active: {
			async handler(ctx) {
				const rows = await this.model.findAll({ where: { id: ctx.params.ids, deletedAt: null }, attributes: ["id"] });
				return { ids: rows.map((row) => row.get().id) };
			},
		},
		names: {
			async handler(ctx) {
				const rows = await this.model.findAll({ where: { id: ctx.params.ids }, attributes: ["id", "name"] });
				return Object.fromEntries(rows.map((row) => [row.get().id, row.get().name]));
			},
		},
		locales: {
			async handler(ctx) {
				const where = { id: ctx.params.ids, deletedAt: null };
				const rows = await this.model.findAll({ where, attributes: ["id", "locale"] });
				return Object.fromEntries(rows.map((row) => [row.get().id, row.get().locale]));
			},
		},
		contacts: {
			async handler(ctx) {
				const rows = await this.model.findAll({ where: { id: ctx.params.ids, deletedAt: null } });
				return Object.fromEntries(rows.map((row) => [row.get().id, toContact(row.get())]));
			},
		},
		...renameActions,
	},
});
