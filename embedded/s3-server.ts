import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Config } from "../lib/config.ts";
import { EmbeddedError } from "./error.ts";
import { freePort } from "./free-port.ts";
import { openFolder } from "./ownership.ts";
import { forbidSniffing, isAcceptable, type Router, refuse, refuseAnonymous } from "./s3-access.ts";
import { keptSecret } from "./secret.ts";

const bucket = "parley";
const accessKeyId = "parley";

/** Every request needs a signature, so web pages of any origin may use a signed URL. */
const cors = `<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>
<AllowedMethod>HEAD</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader></CORSRule></CORSConfiguration>`;

/**
 * Serves S3 on a port of 127.0.0.1 until this process ends, on a free port if none is given. Resolves with the settings to reach it.
 * @throws {EmbeddedError} when s3rver is not installed, or the port is taken
 */
export async function serveS3(dataDir: string, givenPort?: number): Promise<Config["s3"]> {
	const folder = openFolder(dataDir);
	const secretAccessKey = keptSecret(join(folder, "s3.secret"));
	const handle = await s3rver(join(folder, "s3"), secretAccessKey);
	const server = createServer((req, res) => {
		forbidSniffing(res);
		if (isAcceptable(req)) handle(req, res);
		else refuse(res);
	});
	const port = givenPort ?? (await freePort());
	await once(server.listen(port, "127.0.0.1"), "listening").catch((cause: Error) => {
		throw new EmbeddedError(`The embedded S3 cannot listen: ${cause.message}`, { cause });
	});
	return { endpoint: `http://127.0.0.1:${port}`, bucket, region: "us-east-1", accessKeyId, secretAccessKey, pathStyle: true };
}

type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/** The part of s3rver that is used. It has no types. */
interface S3rver {
	configureBuckets(): Promise<unknown>;
	middleware: ((ctx: S3Request, next: () => Promise<void>) => Promise<void>)[];
	callback(): Handler;
	logger: { exceptions: { unhandle(): void } };
}

interface S3Request {
	path: string;
	mountPath: string;
	state: { vhost: boolean };
}

interface S3rverPackage {
	default: new (options: object) => S3rver;
}

interface AccountModule {
	default: { DUMMY_ACCOUNT: { createKeyPair(id: string, secret: string): void; revokeAccessKey(id: string): void } };
}

async function s3rver(directory: string, secretAccessKey: string): Promise<Handler> {
	const [{ default: Server }, { default: accounts }, { default: router }] = await load();
	refuseAnonymous(router);
	// The default key pair of s3rver is public.
	accounts.DUMMY_ACCOUNT.revokeAccessKey("S3RVER");
	accounts.DUMMY_ACCOUNT.createKeyPair(accessKeyId, secretAccessKey);
	mkdirSync(directory, { recursive: true, mode: 0o700 });
	const server = new Server({
		directory,
		silent: true,
		vhostBuckets: false,
		configureBuckets: [{ name: bucket, configs: [cors] }],
	});
	// Otherwise its logger would handle the uncaught exceptions of this process.
	server.logger.exceptions.unhandle();
	// Runs before the router, which is last. The SDK signs the slash at the end of a bucket's path. s3rver drops that slash when it
	// checks the signature, unless the request looks like one to a virtual host.
	server.middleware.splice(-1, 0, (ctx, next) => {
		if (/^\/[^/]+\/$/.test(ctx.path)) {
			ctx.state.vhost = true;
			ctx.mountPath = "/";
		}
		return next();
	});
	await server.configureBuckets();
	return server.callback();
}

async function load(): Promise<[S3rverPackage, AccountModule, { default: Router }]> {
	try {
		// A variable, because TypeScript finds no types for a literal.
		const name: string = "@20minutes/s3rver";
		return await Promise.all([import(name), import(`${name}/lib/models/account.js`), import(`${name}/lib/routes.js`)]);
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
		throw new EmbeddedError("@20minutes/s3rver is not installed: set S3_BUCKET, or install the development dependencies", {
			cause,
		});
	}
}
