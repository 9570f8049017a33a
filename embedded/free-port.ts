import { createServer } from "node:net";

/**
 * Below the range that systems use for the local ports of outgoing connections. So no connection gets the port while its server is
 * restarted, not even one that tries to connect to that server.
 */
const [first, count] = [12_000, 20_000];

/** A port of 127.0.0.1 that nothing listens on now. */
export async function freePort(): Promise<number> {
	for (;;) {
		const port = first + Math.floor(Math.random() * count);
		if (await isFree(port)) return port;
	}
}

function isFree(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const probe = createServer();
		probe.once("error", () => resolve(false));
		probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
	});
}
