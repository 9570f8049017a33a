import { settingOf } from "./setting.ts";
import { urlOf } from "./urls.ts";

const setting = settingOf("PostgreSQL", "all");

export const database = {
	databaseUrl: setting("DATABASE_URL", urlOf(["postgres", "postgresql"]), {
		unset: "PostgreSQL is embedded",
		meaning: "The database: PostgreSQL 15 or newer. Every process applies the migrations when it starts.",
		secret: true,
	}),
};
