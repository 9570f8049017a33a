import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { BrokerOptions } from "moleculer";
import { startEmbedded } from "./embedded/start.ts";
import { describeNode, type NodeConfig, withConfig } from "./lib/broker.ts";
import { loadConfig } from "./lib/config.ts";
import { requestDeadlineMs } from "./lib/timeouts.ts";
import { announce } from "./middlewares/announce.ts";
import { authorize } from "./middlewares/authorize/authorize.ts";
import { drain } from "./middlewares/drain.ts";
import { fragments } from "./middlewares/fragments.ts";
import { rateLimit } from "./middlewares/rate-limit/rate-limit.ts";
import { retry } from "./middlewares/retry.ts";
import { validate } from "./middlewares/validate.ts";
import { watchNodes } from "./middlewares/watch-nodes.ts";
import { migrate } from "./migrations/migrate.ts";
import { NatsTransporter } from "./mixins/nats-transporter.ts";
import { prepareStorage } from "./services/media/prepare-storage.ts";

/** How every node's broker runs, in production and in tests. */
export function brokerOptions(config: NodeConfig): BrokerOptions {
	return {
		namespace: "parley",
		// A restarted process is another node: in a container, host name and pid come again.
		nodeID: `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`,
		transporter: config.natsUrl === undefined ? null : new NatsTransporter(config),
		logger: { type: "Console", options: { level: config.logLevel, formatter: "short" } },
		// Who is silent is found out by middlewares/watch-nodes.
		heartbeatInterval: 1,
		// All attempts of a call together; middlewares/retry makes them.
		requestTimeout: requestDeadlineMs,
		// A node that has a service itself must still send a conversation where the others send it.
		registry: { preferLocal: false, discoverer: { type: "Local", options: { disableHeartbeatChecks: true } } },
		// At a shutdown, calls in flight are finished first.
		tracking: { enabled: true, shutdownTimeout: 4_000 },
		// Contracts validate (middlewares/validate), not Moleculer's own schemas.
		validator: false,
		// The first is the innermost: who may not call is refused before the parameters are looked at, and all that is counted.
		middlewares: [withConfig(config), validate, authorize(), rateLimit, retry, announce, drain, fragments(), watchNodes()],
	};
}

/** What `npm start` runs: whatever has no URL is brought along, the database is brought up to date, then services start. */
export default async function options(): Promise<BrokerOptions> {
	try {
		const embedded = await startEmbedded(loadConfig());
		const ofBroker = brokerOptions(embedded.config);
		await migrate(embedded.config.databaseUrl);
		if (embedded.config.services.includes("media")) await prepareStorage(embedded.config);
		return {
			...ofBroker,
			async started(broker) {
				broker.logger.info(describeNode(embedded.config));
				await embedded.offerDemo(broker);
			},
			stopped: () => embedded.stop(),
		};
	} catch (error) {
		process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
		process.exit(1);
	}
}
