import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Person } from "./load-plan.ts";
import { type Server, startServer } from "./server.ts";

const script = fileURLToPath(new URL("floor-server.ts", import.meta.url));

/** The minimal server that Parley is compared with. It stores no people: each socket says who it is and who its partner is. */
export function startFloor(nodeArgs: readonly string[]): Promise<Server> {
	const args = (port: number, folder: string) => [script, String(port), folder];
	return startServer(
		{ name: "floor", hasIndex: false, args, env: async () => process.env, createPeople: async (_url, people) => pairs(people) },
		nodeArgs,
	);
}

function pairs(people: number): Person[] {
	return Array.from({ length: people / 2 }, (_, pair) => {
		const conversationId = randomUUID();
		const [one, other] = [`bench-${2 * pair}`, `bench-${2 * pair + 1}`];
		return [
			{ auth: { userId: one, partnerId: other }, conversationId },
			{ auth: { userId: other, partnerId: one }, conversationId },
		];
	}).flat();
}
