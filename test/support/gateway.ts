import { io, type Socket } from "socket.io-client";
import type { Sockets } from "../../services/gateway/sockets.ts";
import { until } from "../../testing/until.ts";
import type { TestNode } from "./broker.ts";

/** What tests see of a gateway that runs in this process. */
export interface Gateway {
	server: { address(): { port: number } };
	sockets: Sockets;
	expelErased(): Promise<void>;
}

export function gatewayOf({ broker }: TestNode): Gateway {
	const service: unknown = broker.getLocalService("gateway");
	return service as Gateway;
}

export function urlOf(node: TestNode): string {
	return `http://127.0.0.1:${gatewayOf(node).server.address().port}`;
}

/** A client that does not connect again by itself. When this resolves, it is connected, and signed in if there is a token. */
export async function connect(node: TestNode, token?: string, headers: Record<string, string> = {}): Promise<Socket> {
	const options = { transports: ["websocket"], forceNew: true, reconnection: false, extraHeaders: headers };
	const client = io(`${urlOf(node)}/messaging`, { ...options, auth: token === undefined ? {} : { token } });
	await new Promise<void>((resolve, reject) => {
		client.on("connect", resolve);
		client.on("connect_error", (error) => {
			client.close();
			reject(error);
		});
	});
	return client;
}

/** Closes clients; resolves when the gateway has seen them go. */
export async function disconnect(node: TestNode, ...clients: Socket[]): Promise<void> {
	const { sockets } = gatewayOf(node);
	for (const client of clients) client.close();
	await until(() => sockets.userIds().length === 0);
}
