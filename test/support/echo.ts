import type { Context, ServiceSchema } from "moleculer";

/** A service that answers with as many letters as it is asked for, and says how many it was given. */
export const echo: ServiceSchema = {
	name: "echo",
	actions: {
		letters: (ctx: Context<{ count: number }>) => "a".repeat(ctx.params.count),
		count: (ctx: Context<{ text: string }>) => ctx.params.text.length,
		/** Both at once. */
		same: (ctx: Context<{ text: string }>) => ctx.params.text,
	},
};
