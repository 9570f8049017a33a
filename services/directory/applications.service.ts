import { ParleyError } from "../../lib/errors.ts";
import { crud, type WithModel } from "../../mixins/crud.ts";
import { defineService } from "../service.ts";
import { type ApplicationRow, applicationTable, toApplication } from "./application.model.ts";
import { openApplication } from "./open-application.ts";
import { putApplication } from "./put-application.ts";
import { renameActions } from "./renames.ts";

type This = WithModel<ApplicationRow>;

export default defineService<"applications", This>("applications", {
	mixins: [crud(applicationTable)],
	actions: {
		put: {
			async handler(ctx) {
				const { ids } = await ctx.call("users.active", { ids: [ctx.params.applicantId, ctx.params.employerId] });
				const { application, isRenamed } = await putApplication(this, ids, ctx.params);
				if (isRenamed) await ctx.emit("application.renamed", { applicationId: application.id });
				return application;
			},
		},
		get: {
			async handler(ctx) {
				const row = await this.model.findByPk(ctx.params.id);
				if (!row) throw new ParleyError("NOT_FOUND");
				return toApplication(row.get());
			},
		},
		open: {
			handler(ctx) {
				return openApplication(this, ctx.params);
			},
		},
		titles: {
			async handler(ctx) {
				const rows = await this.model.findAll({ where: { id: ctx.params.ids }, attributes: ["id", "jobTitle"] });
				return Object.fromEntries(rows.map((row) => [row.get().id, row.get().jobTitle]));
			},
		},
		...renameActions,
	},
});
