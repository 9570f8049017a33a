import type { BrokerOptions } from "moleculer";
import { startEmbedded } from "./embedded/start.ts";
import { type NodeConfig, withConfig } from "./lib/broker.ts";
import { readConfig } from "./lib/config.ts";
import { authorize } from "./middlewares/authorize.ts";
import { validate } from "./middlewares/validate.ts";
import { migrate } from "./migrations/migrate.ts";
import { prepareStorage } from "./mixins/storage.ts";

/** How every node's broker runs, in production and in tests. */
export function brokerOptions(config: NodeConfig): BrokerOptions {
	return {
		namespace: "parley",
		transporter: config.natsUrl === undefined ? null : { type: "NATS", options: { servers: config.natsUrl.split(",") } },
		logger: { type: "Console", options: { level: config.logLevel, formatter: "short" } },
		// Calls that nobody waits for any more must not pile up.
		requestTimeout: 10_000,
		// At a shutdown, calls in flight are finished first.
		tracking: { enabled: true, shutdownTimeout: 4_000 },
		// Contracts validate (middlewares/validate), not Moleculer's own schemas.
		validator: false,
		// The first is the innermost: who may not call is refused before the parameters are looked at.
		middlewares: [withConfig(config), validate, authorize()],
	};
}

/** What `npm start` runs: whatever has no URL is brought along, the database is brought up to date, then services start. */
export default async function options(): Promise<BrokerOptions> {
	try {
		const embedded = await startEmbedded(readConfig(process.env));
		await migrate(embedded.config.databaseUrl);
		if (embedded.config.services.includes("media")) await prepareStorage(embedded.config);
		return {
			...brokerOptions(embedded.config),
			started: (broker) => embedded.greet(broker),
			stopped: () => embedded.stop(),
		};
	} catch (error) {
		process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
		process.exit(1);
	}
}
