import type { IncomingMessage, ServerResponse } from "node:http";

/** The part of @koa/router that is used: middleware by path, in order. */
export interface Router {
	stack: { stack: Middleware[] }[];
}

type Middleware = (ctx: Context, next: () => Promise<void>) => Promise<void>;

interface Context {
	method: string;
	status: number;
	body: unknown;
	/** `account`: the owner of the key that signed the request. Set by s3rver when it has checked the signature. */
	state: { account?: object };
}

/**
 * s3rver checks a signature if there is one, and also serves requests without one. This refuses the latter, after s3rver has checked.
 * Looking for a signature before s3rver does would have to parse URLs exactly as s3rver does.
 * @throws when s3rver has no authentication where it is expected, as another version may
 */
export function refuseAnonymous({ stack }: Router): void {
	const layer = stack.find((candidate) => candidate.stack.some(({ name }) => name === "authentication"));
	if (!layer) throw new Error("s3rver has no authentication where it is expected");
	layer.stack.push(async (ctx, next) => {
		// A CORS preflight request. Browsers send it without a signature.
		if (ctx.method === "OPTIONS" || ctx.state.account) return next();
		ctx.status = 403;
		ctx.body = { Error: { Code: "AccessDenied", Message: "Access Denied" } };
	});
}

/**
 * Whether a request has a form that clients use, and a signed URL is used only as it was signed. As in S3, `x-amz-` headers that the
 * signature does not cover are refused: `x-amz-copy-source` would turn an upload into a copy of any other object.
 */
export function isAcceptable({ url = "", headers }: IncomingMessage): boolean {
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

/** Makes browsers trust the Content-Type alone. Holds for every answer: s3rver removes all headers when it answers an error. */
export function forbidSniffing(res: ServerResponse): void {
	const removeHeader = res.removeHeader.bind(res);
	res.setHeader("X-Content-Type-Options", "nosniff");
	res.removeHeader = (name) => {
		if (name.toLowerCase() !== "x-content-type-options") removeHeader(name);
	};
}
