import type { ServiceBroker } from "moleculer";
import type { Config, NodeConfig } from "../lib/config/config.ts";
import { greet } from "./demo.ts";
import { findPackage } from "./find-package.ts";
import { startPostgres } from "./postgres.ts";
import { embeddedSecret } from "./secret.ts";
import { startStorage } from "./storage.ts";

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
	// Its service brings it along itself, when everything else has started: too late to say what is missing.
	if (config.redisUrl === undefined && config.services.includes("presence")) findPackage("ioredis-mock", "REDIS_URL");
	const postgres = config.databaseUrl ? undefined : await startPostgres({ dataDir: config.dataDir });
	try {
		const storage = needsStorage(config) ? await startStorage({ dataDir: config.dataDir }) : undefined;
		return {
			config: {
				...config,
				jwt: postgres ? embeddedJwt(config) : config.jwt,
				databaseUrl: config.databaseUrl ?? String(postgres?.url),
				s3: storage ? { ...config.s3, ...storage.s3 } : config.s3,
			},
			greet: (broker) => greet(broker, config.demo ?? postgres !== undefined),
			async stop() {
				await storage?.stop();
				await postgres?.stop();
			},
		};
	} catch (error) {
		await postgres?.stop();
		throw error;
	}
}

function needsStorage({ s3, services }: Config): boolean {
	return s3.bucket === undefined && services.includes("media");
}

function embeddedJwt({ jwt, dataDir }: Config): Config["jwt"] {
	return jwt.secret || jwt.jwksUrl ? jwt : { ...jwt, secret: embeddedSecret(dataDir) };
}
