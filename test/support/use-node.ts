import { type NodeOptions, type OneEach, startBroker, startBrokers, type TestNode } from "./broker.ts";
import { createMigratedDatabase, type TestDatabase } from "./database.ts";
import { lazy, useStarted } from "./use-started.ts";

/** As for `startBroker`; the database is made here. */
type UsedNode = Omit<NodeOptions, "databaseUrl">;

/** An empty database with all tables, for the tests of a file. */
export function useDatabase(): TestDatabase {
	return useStarted(createMigratedDatabase, (database) => database.drop());
}

/** One node on a database of its own, for the tests of a file. */
export function useNode(options: UsedNode = {}): TestNode {
	const nodes = useNodesOf(async (databaseUrl) => [await startBroker({ ...options, databaseUrl })]);
	return lazy(() => nodes[0]);
}

/** Several nodes that know each other, on one database, for the tests of a file. They stop in the order given. */
export function useNodes<const Options extends readonly UsedNode[]>(...options: Options): OneEach<Options> {
	const nodes = useNodesOf((databaseUrl) => startBrokers(...options.map((node) => ({ ...node, databaseUrl }))));
	// The array that `map` returns has no length in its type.
	return options.map((_, i) => lazy(() => nodes[i])) as OneEach<Options>;
}

function useNodesOf(start: (databaseUrl: string) => Promise<TestNode[]>): TestNode[] {
	const database = useDatabase();
	return useStarted(
		() => start(database.url),
		async (nodes) => {
			for (const node of nodes) await node.stop();
		},
	);
}
