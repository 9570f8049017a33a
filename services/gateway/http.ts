import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import cors from "cors";
import helmet from "helmet";
import type { Context, ServiceBroker } from "moleculer";
import type { Meta } from "../../lib/access.ts";
import type { Config } from "../../lib/config/config.ts";
import { errorCatalogue, isUnexpected, ParleyError, type PublicError, publicError } from "../../lib/errors.ts";
import { rateLimited } from "../../lib/rate.ts";
import { requestAddress } from "./address.ts";
import type { Authenticate } from "./authenticate.ts";
import type { HealthCheck } from "./health.ts";
import { jsonBody, jsonOrFormBody } from "./json-body.ts";
import { openRoutes, tokenRoutes } from "./routes.ts";

export type Request = IncomingMessage & {
	$ctx?: Context<unknown, Meta>;
	$service: { logger: { error(...args: unknown[]): void } };
};

/** The routes of the application that need a token, for moleculer-web's `addRoute`. */
export function apiRoute(config: Config, authenticate: Authenticate) {
	return {
		name: "api",
		path: "/",
		mappingPolicy: "restrict",
		// `jsonBody` runs after helmet and cors, so that a refused body is answered with their headers too.
		bodyParsers: false,
		use: [helmet(), crossOrigin(config.corsOrigins), jsonBody],
		aliases: tokenRoutes,
		logging: false,
		async onBeforeCall(ctx: Context<unknown, Meta>, _route: unknown, req: IncomingMessage) {
			const [scheme, token] = req.headers.authorization?.split(" ") ?? [];
			const bearer = scheme?.toLowerCase() === "bearer" ? token : undefined;
			ctx.meta.user = (await authenticate(bearer, requestAddress(req, config.trustProxy))).caller;
		},
	};
}

/**
 * The routes of the application that need no token (`access: "anyone"`).
 *
 * Such a request counts as a failed authentication of its address before it is served, and the count is taken back when it
 * succeeded. So guessing costs the services nothing above the limit, while people who share an address are not limited.
 */
export function openRoute({ config, limits }: ServiceBroker) {
	const failures = limits.of("authFailures");
	const counted = new WeakMap<IncomingMessage, { giveBack(): Promise<unknown> }>();
	return {
		name: "open",
		path: "/",
		mappingPolicy: "restrict",
		bodyParsers: false,
		use: [helmet(), crossOrigin(config.corsOrigins), jsonOrFormBody],
		aliases: openRoutes,
		logging: false,
		async onBeforeCall(_ctx: unknown, _route: unknown, req: IncomingMessage) {
			const taken = await failures?.take(requestAddress(req, config.trustProxy));
			if (taken?.allowed === false) throw rateLimited(taken);
			if (taken) counted.set(req, taken);
		},
		async onAfterCall(ctx: Context<unknown, Meta>, _route: unknown, req: IncomingMessage, _res: unknown, data: unknown) {
			if ((ctx.meta.$statusCode ?? 200) < 400) await counted.get(req)?.giveBack();
			return data;
		},
	};
}

/** Health checks for load balancers and Kubernetes, without a token. */
export const healthRoute = {
	path: "/health",
	mappingPolicy: "restrict",
	bodyParsers: false,
	use: [helmet()],
	logging: false,
	aliases: {
		"GET live": (_req: Request, res: ServerResponse) => sendJson(res, 200, { status: "live" }),
		"GET ready": async (req: Request & { $service: { health: HealthCheck; draining: boolean } }, res: ServerResponse) => {
			const { health, draining } = req.$service;
			const { missing, degraded } = draining ? { missing: ["draining"], degraded: [] } : await health.ask();
			if (missing.length === 0) return sendJson(res, 200, { status: "ready", ...(degraded.length > 0 && { degraded }) });
			answerError(req, res, publicError(new ParleyError("UNAVAILABLE", { details: { missing } })));
		},
	},
};

/** The client's request id if it is well-formed, else a new one. */
export function requestIdOf(req: IncomingMessage): string {
	const given = req.headers["x-request-id"];
	return typeof given === "string" && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

/** Answers with the protocol's error format. An unexpected error is logged with the request id, and not shown to the client. */
export function sendError(req: Request, res: ServerResponse, error: unknown): void {
	const shown = publicError(error);
	if (isUnexpected(shown)) req.$service.logger.error(`${req.method} failed (${req.$ctx?.requestID}):`, error);
	if (res.headersSent) res.end();
	else answerError(req, res, shown);
}

function answerError(req: Request, res: ServerResponse, error: PublicError): void {
	for (const [name, value] of Object.entries(req.$ctx?.meta.$responseHeaders ?? {})) res.setHeader(name, value);
	if (error.code === "RATE_LIMITED") res.setHeader("Retry-After", retryAfterSeconds(error));
	sendJson(res, errorCatalogue[error.code].status, { error: { ...error, requestId: req.$ctx?.requestID } });
}

function retryAfterSeconds({ details }: PublicError): number {
	return (details as { retryAfterSeconds: number }).retryAfterSeconds;
}

function sendJson(res: ServerResponse, status: number, body: unknown): void {
	res.writeHead(status, { "Content-Type": "application/json; charset=utf-8" });
	res.end(JSON.stringify(body));
}

/** The option `origin` of the package `cors`, which socket.io uses as well. */
export function allowed(origins: string[]): string | string[] {
	return origins.includes("*") ? "*" : origins;
}

function crossOrigin(origins: string[]) {
	return cors({
		origin: allowed(origins),
		methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
		allowedHeaders: ["Authorization", "Content-Type", "X-Request-Id"],
		exposedHeaders: ["X-Request-Id", "Location", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"],
		maxAge: 600,
	});
}
