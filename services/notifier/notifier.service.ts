import { checkDatabase, database, type WithDatabase } from "../../mixins/database.ts";
import { defineService } from "../service.ts";

type This = WithDatabase;

export default defineService<"notifier", This>("notifier", {
	mixins: [database],
	actions: {
		health: {
			handler() {
				return checkDatabase(this.db);
			},
		},
	},
});
