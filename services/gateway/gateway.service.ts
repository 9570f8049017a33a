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
import { socketAddress } from "./address.ts";
import { createAuthenticate } from "./authenticate.ts";
import { answerCall, answerEvent } from "./client-events.ts";
import { deliverToSockets } from "./deliver.ts";
import { askToMove, drain } from "./drain.ts";
import { flushOnceATurn } from "./flush-once-a-turn.ts";
import { clientEventNames } from "./gateway.contract.ts";
import type { GatewayContext } from "./gateway-context.ts";
import { HealthCheck } from "./health.ts";
import { allowed, apiRoute, healthRoute, type Request, requestIdOf, sendError } from "./http.ts";
import { closeConnectionsSoon, createBoundedServer, keepConnections } from "./http-connections.ts";
import { parser } from "./packet-parser.ts";
import { maxUnauthenticatedPacketBytes } from "./packets.ts";
import { PresenceReporter } from "./presence-reporter.ts";
import { Redelivery, tickMs } from "./redelivery.ts";
import { awaitAuthentication, connectError, expel, signIn, signOut } from "./session.ts";
import { SocketLimit } from "./socket-limit.ts";
import { type ClientNamespace, type ClientSocket, Sockets } from "./sockets.ts";
import { retryAfterSeconds, Unauthenticated } from "./unauthenticated.ts";
import { closeUnreadPolls } from "./unread-polls.ts";

interface This extends Service, GatewayContext {
	io: Server;
	server: HttpServer;
	draining: boolean;
	health: HealthCheck;
	sweeps: Repeated[];
	httpHandler: RequestListener;
	/** Of moleculer-web. */
	addRoute(route: object): void;
	createServer(): void;
	errorHandler(req: Request, res: ServerResponse, error: unknown): void;
	sendError(req: Request, res: ServerResponse, error: unknown): void;
	/** Of moleculer-io. */
	socketAuthorize(socket: ClientSocket): Promise<void>;
	/** Of middlewares/drain. */
	drain(): Promise<void>;
	expelErased(): Promise<void>;
}

const namespace = "/messaging";

/** How often the same device's acknowledgements of a conversation are written at the most. */
const ackIntervalMs = 200;

/** How often sockets of people who were erased meanwhile are looked for, should the event have been lost. */
const erasedIntervalMs = 30_000;

/** Also how soon the registry notices that it lacks something of what was reported. Its lease lasts for six. */
const renewIntervalMs = 5_000;

/** Handlers as moleculer-io wants them: `this` is the socket, which knows its service. */
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
			// What people write is for nobody's cache.
			res.setHeader("Cache-Control", "no-store");
		},
		io: {
			// Who has authenticated may send longer packets (unauthenticated.ts).
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
	},
	withoutActions: ["broadcast", "getClients", "listAliases", "addRoute", "removeRoute"],
	events: {
		"user.erased": {
			async handler(ctx) {
				for (const socket of this.sockets.of(ctx.params.userId)) expel(socket, "UNAUTHENTICATED");
			},
		},
		/** Pushes were lost. */
		"$transporter.connected": {
			async handler() {
				this.redelivery.hurry();
			},
		},
	},
	methods: {
		/** In place of moleculer-web's, which knows no options. */
		createServer() {
			this.server = createBoundedServer(this.httpHandler);
		},
		errorHandler: sendError,
		sendError,
		/** moleculer-io asks before each connection. One without a token may come in, to authenticate. */
		async socketAuthorize(socket: ClientSocket) {
			const { token } = socket.handshake.auth as { token?: unknown };
			if (token === undefined) {
				if (this.unauthenticated.isCrowded(socket.conn)) throw connectError(rateLimited({ resetSeconds: retryAfterSeconds }));
				return;
			}
			try {
				const address = socketAddress(socket, this.broker.config.trustProxy);
				await signIn(this, socket, await this.authenticate(token, address));
			} catch (error) {
				throw connectError(error);
			}
		},
		/** Comes before the node is withdrawn (middlewares/drain). */
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
	/** moleculer-io adds a namespace `/` of its own, in which anybody may call any published action, without a token. */
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
				for (const userId of userIds) this.redelivery.soon(userId);
			},
			onLost: () => this.redelivery.hurry(),
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
				this.logger.warn("Could not store acknowledgements; the messages are given again:", error);
				for (const { userId } of acks) this.redelivery.soon(userId);
			}
		}, ackIntervalMs);
		Object.assign(this.settings, { port: config.port, ip: config.host });
		Object.assign((this.settings as { io: { options: object } }).io.options, {
			parser,
			cors: { origin: allowed(config.corsOrigins) },
		});
		this.addRoute(healthRoute);
		this.addRoute(apiRoute(config, this.authenticate));
	},
	async started() {
		flushOnceATurn(this.io);
		this.unauthenticated.watch(this.io);
		closeUnreadPolls(this.io);
		keepConnections(this.server, () => this.draining);
		// socket.io itself always has it.
		this.io.of("/").use((_socket, next) => next(connectError(new ParleyError("NOT_FOUND"))));
		const clients: ClientNamespace = this.io.of(namespace);
		clients.on("connection", (socket) => {
			socket.on("disconnect", () => signOut(this, socket));
			if (!socket.data.verified) awaitAuthentication(socket);
			if (this.draining) askToMove(socket);
		});
		const failed = (error: unknown) => this.logger.warn("A sweep failed and is done again:", error);
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
