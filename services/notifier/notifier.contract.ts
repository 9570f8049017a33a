import { z } from "zod";
import type { ServiceContract } from "../../lib/service-contract.ts";

export const notifier = {
	actions: {
		health: { description: "Answers when the database does.", access: "internal", params: z.object({}), result: z.null() },
	},
	events: {},
} satisfies ServiceContract;
