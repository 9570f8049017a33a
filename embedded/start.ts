import type { ServiceBroker } from "moleculer";
import type { NodeConfig } from "../lib/broker.ts";
import type { Config } from "../lib/config.ts";
import { greet } from "./demo.ts";
import { startPostgres } from "./postgres.ts";
import { embeddedSecret } from "./secret.ts";

/** What a node runs with, and what was started for it. */
export interface Embedded {
	config: NodeConfig;
	/** To be called when the services have started: makes demo data and says how to begin. */
	greet(broker: ServiceBroker): Promise<void>;
	/** To be called when the services have stopped. */
	stop(): Promise<void>;
}

/** Brings along each part that the settings do not name. */
export async function startEmbedded(config: Config): Promise<Embedded> {
	if (config.databaseUrl) {
		const given = { ...config, databaseUrl: config.databaseUrl };
		return { config: given, greet: (broker) => greet(broker, config.demo ?? false), stop: async () => {} };
	}
	const postgres = await startPostgres({ dataDir: config.dataDir });
	const jwt = config.jwt.secret || config.jwt.jwksUrl ? config.jwt : { ...config.jwt, secret: embeddedSecret(config.dataDir) };
	return {
		config: { ...config, jwt, databaseUrl: postgres.url },
		greet: (broker) => greet(broker, config.demo ?? true),
		stop: () => postgres.stop(),
	};
}
