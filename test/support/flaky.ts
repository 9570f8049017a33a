import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";

/** Stands between a client and a server, and lets through what the test wants. */
export interface Flaky {
	url: string;
	/** The server's address. */
	target: string;
	/** Requests for which this holds are answered with 503. */
	refuses: (req: IncomingMessage) => boolean;
	/** Is awaited before a request goes on. */
	before: (req: IncomingMessage) => Promise<void> | void;
	stop(): Promise<void>;
}

export async function startFlaky(target: string): Promise<Flaky> {
	const server = createServer(async (req, res) => {
		await flaky.before(req);
		if (flaky.refuses(req)) {
			req.resume();
			return void res.writeHead(503).end();
		}
		const { method, url, headers } = req;
		const { hostname, port } = new URL(flaky.target);
		// The host stays the one that was signed.
		const onward = request({ hostname, port, method, path: url, headers }, (answer) => {
			res.writeHead(answer.statusCode ?? 502, answer.headers);
			answer.pipe(res);
		});
		onward.on("error", () => res.destroy());
		req.pipe(onward);
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const flaky: Flaky = {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		target,
		refuses: () => false,
		before: () => {},
		async stop() {
			server.closeAllConnections();
			server.close();
		},
	};
	return flaky;
}
