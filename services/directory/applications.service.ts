import type { ServiceSchema } from "moleculer";
import type { ActionsOf } from "../../lib/contracts.ts";
import { ParleyError } from "../../lib/errors.ts";
import { crud, type WithModel } from "../../mixins/crud.ts";
import { type ApplicationRow, applicationTable } from "./application.model.ts";
import { openApplication } from "./open-application.ts";
import { putApplication, toApplication } from "./put-application.ts";
import { renameActions } from "./renames.ts";

type This = WithModel<ApplicationRow>;

const actions = {
	put: {
		access: { role: "platform" },
		async handler(ctx) {
			const { ids } = await ctx.call("users.active", { ids: [ctx.params.applicantId, ctx.params.employerId] });
			const { application, isRenamed } = await putApplication(this, ids, ctx.params);
			if (isRenamed) await ctx.emit("application.renamed", { applicationId: application.id });
			return application;
		},
	},
	get: {
		access: "internal",
		async handler(ctx) {
			const row = await this.model.findByPk(ctx.params.id);
			if (!row) throw new ParleyError("NOT_FOUND");
			return toApplication(row.get());
		},
	},
	open: {
		access: "internal",
		handler(ctx) {
			return openApplication(this, ctx.params);
		},
	},
	titles: {
		access: "internal",
		async handler(ctx) {
			const rows = await this.model.findAll({ where: { id: ctx.params.ids }, attributes: ["id", "jobTitle"] });
			return Object.fromEntries(rows.map((row) => [row.get().id, row.get().jobTitle]));
		},
	},
	...renameActions,
} satisfies ActionsOf<"applications", This>;

export default { name: "applications", mixins: [crud(applicationTable)], actions } as unknown as ServiceSchema;
