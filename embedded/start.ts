import type { ServiceBroker } from "moleculer";
import type { Config, NodeConfig } from "../lib/config/config.ts";
import { offerDemo } from "./demo.ts";
import { findPackage } from "./find-package.ts";
import { mailFolderOf } from "./mail-folder.ts";
import { startPostgres } from "./postgres.ts";
import { embeddedSecret } from "./secret.ts";
import { startStorage } from "./storage.ts";
import { embeddedVapid } from "./vapid.ts";

/** The final settings of a node, and the parts that were started for it. */
export interface Embedded {
	config: NodeConfig;
	/** To be called when the services have started. Makes demo data and prints the first steps. */
	offerDemo(broker: ServiceBroker): Promise<void>;
	/** To be called when the services have stopped. */
	stop(): Promise<void>;
}

/** Starts an embedded part for each URL that the settings do not have. */
export async function startEmbedded(config: Config): Promise<Embedded> {
	// The service starts the embedded Redis itself, but after everything else. A missing package is reported earlier, here.
	if (config.redisUrl === undefined && config.services.includes("presence")) findPackage("ioredis-mock", "REDIS_URL");
	const postgres = config.databaseUrl ? undefined : await startPostgres({ dataDir: config.dataDir });
	try {
		const mailFolder = postgres && mailFolderOf(config);
		const storage = needsStorage(config) ? await startStorage({ dataDir: config.dataDir }) : undefined;
		return {
			config: {
				...config,
				...(mailFolder && { mailFolder }),
				jwt: postgres ? embeddedJwt(config) : config.jwt,
				notifications: postgres ? embeddedNotifications(config) : config.notifications,
				databaseUrl: config.databaseUrl ?? String(postgres?.url),
				s3: storage ? { ...config.s3, ...storage.s3 } : config.s3,
			},
			offerDemo: (broker) => offerDemo(broker, config.demo ?? postgres !== undefined),
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

function embeddedNotifications(config: Config): Config["notifications"] {
	const { webPush } = config.notifications;
	return { ...config.notifications, webPush: webPush.publicKey ? webPush : { ...webPush, ...embeddedVapid(config) } };
}
