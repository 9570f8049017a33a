import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { BrokerOptions } from "moleculer";
import { startEmbedded } from "./embedded/start.ts";
import { describeNode, type NodeConfig, withConfig } from "./lib/broker.ts";
import { loadConfig } from "./lib/config.ts";
import { authorize } from "./middlewares/authorize.ts";
import { drain } from "./middlewares/drain.ts";
import { rateLimit } from "./middlewares/rate-limit.ts";
import { validate } from "./middlewares/validate.ts";
import { migrate } from "./migrations/migrate.ts";
import { prepareStorage } from "./mixins/storage.ts";

/** How every node's broker runs, in production and in tests. */
export function brokerOptions(config: NodeConfig): BrokerOptions {
	return {
		namespace: "parley",
		// A restarted process is another node: in a container, host name and pid come again.
		nodeID: `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`,
		transporter: config.natsUrl === undefined ? null : { type: "NATS", options: natsOptions(config.natsUrl) },
		logger: { type: "Console", options: { level: config.logLevel, formatter: "short" } },
		// A killed node is noticed within seconds; what it had not answered is then asked of another.
		heartbeatInterval: 1,
		heartbeatTimeout: 4,
		requestTimeout: 5_000,
		// Every action may be repeated (sends are idempotent by clientId), so transport failures are.
		retryPolicy: { enabled: true, retries: 3, delay: 100, maxDelay: 1_000, factor: 2, check: isTransportFailure },
		// A node that has a service itself must still send a conversation where the others send it.
		registry: { preferLocal: false },
		// At a shutdown, calls in flight are finished first.
		tracking: { enabled: true, shutdownTimeout: 4_000 },
		// Contracts validate (middlewares/validate), not Moleculer's own schemas.
		validator: false,
		// The first is the innermost: who may not call is refused before the parameters are looked at, and all that is counted.
		middlewares: [withConfig(config), validate, authorize(), rateLimit, drain],
	};
}

/** A node looks for the bus as long as it lives; by default it would give up after 20 s. */
function natsOptions(urls: string) {
	return { servers: urls.split(","), reconnectTimeWait: 250, maxReconnectAttempts: -1 };
}

function isTransportFailure(error: Error & { type?: string }): boolean {
	return error.type === "REQUEST_TIMEOUT" || error.type === "REQUEST_REJECTED";
}

/** What `npm start` runs: whatever has no URL is brought along, the database is brought up to date, then services start. */
export default async function options(): Promise<BrokerOptions> {
	try {
		const embedded = await startEmbedded(loadConfig());
		await migrate(embedded.config.databaseUrl);
		if (embedded.config.services.includes("media")) await prepareStorage(embedded.config);
		return {
			...brokerOptions(embedded.config),
			async started(broker) {
				broker.logger.info(describeNode(embedded.config));
				await embedded.greet(broker);
			},
			stopped: () => embedded.stop(),
		};
	} catch (error) {
		process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
		process.exit(1);
	}
}
