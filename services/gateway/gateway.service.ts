import type { Server as HttpServer, IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Service } from "moleculer";
import SocketIO from "moleculer-io";
import ApiService from "moleculer-web";
import type { Server } from "socket.io";
import { chunksOf, idsPerCall } from "../../lib/chunks.ts";
import { Coalescer } from "../../lib/coalescer.ts";
import { ParleyError } from "../../lib/errors.ts";
import { every, type Repeated } from "../../lib/every.ts";
import { rateLimited } from "../../lib/rate.ts";
import { callsOf } from "../contracts.ts";
import { defineService } from "../service.ts";
import { activityOf } from "./activity.ts";
import { socketAddress } from "./address.ts";
import { createAuthenticate } from "./authenticate.ts";
import { answerCall, answerEvent } from "./client-events.ts";
import { deliverToSockets } from "./deliver.ts";
import { askToMove, drain } from "./drain.ts";
import { engineConnectionOf } from "./engine-connection.ts";
import { flushOnceATurn } from "./flush-once-a-turn.ts";
import { clientEventNames } from "./gateway.contract.ts";
import type { GatewayContext } from "./gateway-context.ts";
import { HealthCheck } from "./health.ts";
import { allowed, apiRoute, healthRoute, openRoute, type Request, requestIdOf, sendError } from "./http.ts";
import { closeConnectionsSoon, createBoundedServer, keepConnections } from "./http-connections.ts";
import { parser } from "./packet-parser.ts";
import { maxUnauthenticatedPacketBytes } from "./packets.ts";
import { PresenceReporter } from "./presence-reporter.ts";
import { Redelivery, tickMs } from "./redelivery.ts";
import { awaitAuthentication, connectError, expel, signIn, signOut } from "./session.ts";
import { SocketLimit } from "./socket-limit.ts";
import { type ClientNamespace, type ClientSocket, Sockets } from "./sockets.ts";
import { closeStalledPolling } from "./stalled-polling.ts";
import { retryAfterSeconds, Unauthenticated } from "./unauthenticated.ts";

interface This extends Service, GatewayContext {
	io: Server;
	server: HttpServer;
	draining: boolean;
	health: HealthCheck;
	sweeps: Repeated[];
	httpHandler: RequestListener;
	/** From moleculer-web. */
	addRoute(route: object): void;
	createServer(): void;
	errorHandler(req: Request, res: ServerResponse, error: unknown): void;
	sendError(req: Request, res: ServerResponse, error: unknown): void;
	/** From moleculer-io. */
	socketAuthorize(socket: ClientSocket): Promise<void>;
	/** Called by middlewares/drain. */
	drain(): Promise<void>;
	expelErased(): Promise<void>;
}

const namespace = "/messaging";

/** The acknowledgements of one user in one conversation are stored at most this often. */
const ackIntervalMs = 200;

/** How often sockets of erased users are looked up, in case the event `user.erased` was lost. */
const erasedIntervalMs = 30_000;

/** How often the registry lease is renewed and the registry's content compared. The lease (30 s) lasts for six renewals. */
const renewIntervalMs = 5_000;

/** The form of handlers in moleculer-io: `this` is the socket, and `$service` is its service. */
type Handler = (this: ClientSocket & { $service: This }, ...args: unknown[]) => void;

const socketEvents: Record<string, Handler> = {
	call(...args) {
		void answerCall(this.$service, this, args);
	},
	...Object.fromEntries(
		clientEventNames.map((event): [string, Handler] => [
			event,
			function (...args) {
				void answerEvent(this.$service, this, event, args);
			},
		]),
	),
};

export default defineService<"gateway", This>("gateway", {
	mixins: [SocketIO, ApiService],
	settings: {
		logRequest: null,
		logRequestParams: null,
		logResponse: null,
		logRouteRegistration: null,
		rootCallOptions(options: { requestID: string }, req: IncomingMessage, res: ServerResponse) {
			options.requestID = requestIdOf(req);
			res.setHeader("X-Request-Id", options.requestID);
			// No cache may keep what people write.
			res.setHeader("Cache-Control", "no-store");
		},
		io: {
			// After authentication longer packets are accepted (unauthenticated.ts).
			options: { perMessageDeflate: false, maxHttpBufferSize: maxUnauthenticatedPacketBytes, serveClient: false },
			namespaces: { [namespace]: { authorization: true, events: socketEvents } },
		},
	},
	actions: {
		deliver: {
			async handler(ctx) {
				deliverToSockets(this, ctx.params.pushes);
				return null;
			},
		},
		activity: {
			async handler(ctx) {
				return { activity: activityOf(this.sockets, ctx.params.userIds) };
			},
		},
	},
	withoutActions: ["broadcast", "getClients", "listAliases", "addRoute", "removeRoute"],
	events: {
		"user.erased": {
			async handler(ctx) {
				for (const socket of this.sockets.of(ctx.params.userId)) expel(socket, "UNAUTHENTICATED");
			},
		},
		/** While the bus was away, pushes were lost. */
		"$transporter.connected": {
			async handler() {
				this.redelivery.checkAll();
			},
		},
	},
	methods: {
		/** Replaces moleculer-web's, which does not pass options to Node's server. */
		createServer() {
			this.server = createBoundedServer(this.httpHandler);
		},
		errorHandler: sendError,
		sendError,
		/** moleculer-io calls this for each new connection. Without a token it is accepted, and must authenticate soon. */
		async socketAuthorize(socket: ClientSocket) {
			const { token } = socket.handshake.auth as { token?: unknown };
			if (token === undefined) {
				if (this.unauthenticated.isCrowded(engineConnectionOf(socket)))
					throw connectError(rateLimited({ resetSeconds: retryAfterSeconds }));
				return;
			}
			try {
				const address = socketAddress(socket, this.broker.config.trustProxy);
				await signIn(this, socket, await this.authenticate(token, address));
			} catch (error) {
				throw connectError(error);
			}
		},
		/** Runs before the node is withdrawn from the other nodes' registries (middlewares/drain). */
		async drain() {
			this.draining = true;
			await drain(this);
		},
		async expelErased() {
			for (const connected of chunksOf(this.sockets.userIds(), idsPerCall)) {
				const { ids } = await callsOf(this.broker).call("users.active", { ids: connected });
				const active = new Set(ids);
				for (const userId of connected.filter((id) => !active.has(id))) {
					for (const socket of this.sockets.of(userId)) expel(socket, "UNAUTHENTICATED");
				}
			}
		},
	},
	/** Removes the namespace `/` that moleculer-io adds. In it anyone could call any published action without a token. */
	merged({ settings }) {
		delete (settings as { io: { namespaces: Record<string, unknown> } }).io.namespaces["/"];
	},
	created() {
		const { config } = this.broker;
		this.draining = false;
		this.health = new HealthCheck(this.broker);
		this.sockets = new Sockets();
		this.redelivery = new Redelivery(this);
		this.presence = new PresenceReporter(this.broker, this.sockets, {
			onLate: (userIds) => {
				for (const userId of userIds) this.redelivery.checkSoon(userId);
			},
			onLost: () => this.redelivery.checkAll(),
		});
		this.sweeps = [];
		this.authenticate = createAuthenticate(this.broker);
		this.queryLimit = new SocketLimit(config.rateLimits.socketQueries);
		this.maxSocketsPerUser = config.maxSocketsPerUser === "off" ? Number.POSITIVE_INFINITY : config.maxSocketsPerUser;
		this.unauthenticated = new Unauthenticated({
			maxPerAddress: config.maxUnauthenticatedPerAddress,
			trustProxy: config.trustProxy,
		});
		this.eventLimit = new SocketLimit(config.rateLimits.socketEvents);
		this.acks = new Coalescer(async (acks) => {
			try {
				await callsOf(this.broker).call("messages.markDelivered", { acks });
			} catch (error) {
				this.logger.warn("Could not store acknowledgements; the messages are sent again:", error);
				for (const { userId } of acks) this.redelivery.checkSoon(userId);
			}
		}, ackIntervalMs);
		Object.assign(this.settings, { port: config.port, ip: config.host });
		Object.assign((this.settings as { io: { options: object } }).io.options, {
			parser,
			cors: { origin: allowed(config.corsOrigins) },
		});
		this.addRoute(healthRoute);
		this.addRoute(apiRoute(config, this.authenticate));
		this.addRoute(openRoute(this.broker));
	},
	async started() {
		flushOnceATurn(this.io);
		this.unauthenticated.watch(this.io);
		closeStalledPolling(this.io);
		keepConnections(this.server, () => this.draining);
		// socket.io itself always has this namespace.
		this.io.of("/").use((_socket, next) => next(connectError(new ParleyError("NOT_FOUND"))));
		const clients: ClientNamespace = this.io.of(namespace);
		clients.on("connection", (socket) => {
			socket.on("disconnect", () => signOut(this, socket));
			if (!socket.data.verified) awaitAuthentication(socket);
			if (this.draining) askToMove(socket);
		});
		const failed = (error: unknown) => this.logger.warn("A periodic task failed and runs again:", error);
		this.sweeps = [
			every(erasedIntervalMs, () => this.expelErased(), failed),
			every(tickMs, () => this.redelivery.tick(), failed),
			every(renewIntervalMs, () => this.presence.renew(), failed),
		];
		await this.presence.renew();
	},
	async stopped() {
		await Promise.all(this.sweeps.map((sweep) => sweep.stop()));
		await this.presence.stop();
		await this.acks.drain();
		closeConnectionsSoon(this.server);
	},
});
