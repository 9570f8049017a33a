import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { BrokerOptions } from "moleculer";
import { startEmbedded } from "./embedded/start.ts";
import { loadConfig, type NodeConfig } from "./lib/config/config.ts";
import { describeNode } from "./lib/config/describe-node.ts";
import { requestDeadlineMs } from "./lib/timeouts.ts";
import { announce } from "./middlewares/announce.ts";
import { authorize } from "./middlewares/authorize/authorize.ts";
import { withConfig } from "./middlewares/config.ts";
import { drain } from "./middlewares/drain.ts";
import { fragments } from "./middlewares/fragments.ts";
import { rateLimit } from "./middlewares/rate-limit/rate-limit.ts";
import { retry } from "./middlewares/retry.ts";
import { validate } from "./middlewares/validate.ts";
import { watchNodes } from "./middlewares/watch-nodes.ts";
import { migrate } from "./migrations/migrate.ts";
import { NatsTransporter } from "./mixins/nats-transporter.ts";
import { prepareStorage } from "./services/media/prepare-storage.ts";
import { readPushKeys } from "./services/notifier/channels/push-keys.ts";

/** How every node's broker runs, in production and in tests. */
export function brokerOptions(config: NodeConfig): BrokerOptions {
	return {
		namespace: "parley",
		// A restarted process is another node. In a container it may get the same host name and pid again.
		nodeID: `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`,
		transporter: config.natsUrl === undefined ? null : new NatsTransporter(config),
		logger: { type: "Console", options: { level: config.logLevel, formatter: "short" } },
		// middlewares/watch-nodes uses the heartbeats to find nodes that no longer answer.
		heartbeatInterval: 1,
		// The limit for all attempts of a call together; middlewares/retry makes the attempts.
		requestTimeout: requestDeadlineMs,
		// All nodes must send the calls of one conversation to the same node, also a node that runs the service itself.
		registry: { preferLocal: false, discoverer: { type: "Local", options: { disableHeartbeatChecks: true } } },
		// A shutdown first waits for calls in flight.
		tracking: { enabled: true, shutdownTimeout: 4_000 },
		// middlewares/validate validates by the contracts, instead of Moleculer by its own schemas.
		validator: false,
		// The first is the innermost: rate limits count every call, then access is checked, then parameters are validated.
		middlewares: [withConfig(config), validate, authorize(), rateLimit, retry, announce, drain, fragments(), watchNodes()],
	};
}

/** What `npm start` runs: starts embedded servers for what has no URL, migrates the database, then starts the services. */
export default async function options(): Promise<BrokerOptions> {
	try {
		const config = loadConfig();
		// A key that cannot be used ends the start here, before anything runs.
		if (config.services.includes("notifier")) readPushKeys(config.notifications);
		const embedded = await startEmbedded(config);
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
