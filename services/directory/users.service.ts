import type { ServiceSchema } from "moleculer";
import type { ActionsOf } from "../../lib/contracts.ts";
import { crud, type WithModel } from "../../mixins/crud.ts";
import { eraseUser } from "./erase-user.ts";
import { putUser } from "./put-user.ts";
import { renameActions } from "./renames.ts";
import { type UserRow, userTable } from "./user.model.ts";

type This = WithModel<UserRow>;

const actions = {
	put: {
		access: { role: "platform" },
		async handler(ctx) {
			const { user, isRenamed } = await putUser(this, ctx.params);
			if (isRenamed) await ctx.emit("user.renamed", { userId: user.id });
			return user;
		},
	},
	erase: {
		access: { role: "platform" },
		async handler(ctx) {
			await eraseUser(this, ctx.params.id);
			await ctx.broadcast("user.erased", { userId: ctx.params.id });
			await ctx.emit("user.renamed", { userId: ctx.params.id });
			ctx.meta.$statusCode = 204;
			return null;
		},
	},
	active: {
		access: "internal",
		async handler(ctx) {
			const rows = await this.model.findAll({ where: { id: ctx.params.ids, deletedAt: null }, attributes: ["id"] });
			return { ids: rows.map((row) => row.get().id) };
		},
	},
	names: {
		access: "internal",
		async handler(ctx) {
			const rows = await this.model.findAll({ where: { id: ctx.params.ids }, attributes: ["id", "name"] });
			return Object.fromEntries(rows.map((row) => [row.get().id, row.get().name]));
		},
	},
	...renameActions,
} satisfies ActionsOf<"users", This>;

export default { name: "users", mixins: [crud(userTable)], actions } as unknown as ServiceSchema;
