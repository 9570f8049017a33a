import type { IncomingMessage, ServerResponse } from "node:http";

/** What of @koa/router is used: middleware by path, in order. */
export interface Router {
	stack: { stack: Middleware[] }[];
}

type Middleware = (ctx: Context, next: () => Promise<void>) => Promise<void>;

interface Context {
	method: string;
	status: number;
	body: unknown;
	/** With the account whose key made the signature, once s3rver has checked it. */
	state: { account?: object };
}

/**
 * s3rver checks signatures where it finds one, and serves everybody else as well. Whoever has no account when it has checked is
 * refused here. To look for a signature before it would mean to read the address as it does, in every detail.
 * @throws when s3rver checks somewhere else than expected, as another version may
 */
export function refuseAnonymous({ stack }: Router): void {
	const layer = stack.find((candidate) => candidate.stack.some(({ name }) => name === "authentication"));
	if (!layer) throw new Error("s3rver has no authentication where it is expected");
	layer.stack.push(async (ctx, next) => {
		// What a browser asks before it sends a request from another page's script.
		if (ctx.method === "OPTIONS" || ctx.state.account) return next();
		ctx.status = 403;
		ctx.body = { Error: { Code: "AccessDenied", Message: "Access Denied" } };
	});
}

/**
 * Whether a request is of a form that clients use, and a signed URL is used for what it says. As in S3, a header for S3 that the
 * signature does not cover is refused: `x-amz-copy-source` would turn an upload into a copy of any other object.
 */
export function isProper({ url = "", headers }: IncomingMessage): boolean {
	if (!url.startsWith("/") || url.includes("#")) return false;
	if (headers.authorization !== undefined) return true;
	const query = new URLSearchParams(url.slice(url.indexOf("?")));
	const signed = query.get("X-Amz-SignedHeaders")?.split(";") ?? [];
	return Object.keys(headers).every((name) => !name.startsWith("x-amz-") || signed.includes(name));
}

export function refuse(res: ServerResponse): void {
	res.writeHead(403, { "Content-Type": "application/xml" });
	res.end("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>");
}

/** On every answer, also where s3rver takes all headers away because of an error: browsers go by the type alone. */
export function forbidSniffing(res: ServerResponse): void {
	const removeHeader = res.removeHeader.bind(res);
	res.setHeader("X-Content-Type-Options", "nosniff");
	res.removeHeader = (name) => {
		if (name.toLowerCase() !== "x-content-type-options") removeHeader(name);
	};
}
