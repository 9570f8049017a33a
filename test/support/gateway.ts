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

/** A client that does not come back by itself; with a token it is signed in when this resolves. */
export async function connect(node: TestNode, token?: string): Promise<Socket> {
	const options = { transports: ["websocket"], forceNew: true, reconnection: false, ...(token && { auth: { token } }) };
	const client = io(`${urlOf(node)}/messaging`, options);
	await new Promise<void>((resolve, reject) => {
		client.on("connect", resolve);
		client.on("connect_error", reject);
	});
	return client;
}

/** Closes clients; resolves when the gateway has seen them go. */
export async function disconnect(node: TestNode, ...clients: Socket[]): Promise<void> {
	const { sockets } = gatewayOf(node);
	for (const client of clients) client.close();
	await until(() => sockets.userIds().length === 0);
}
