import { setTimeout as delay } from "node:timers/promises";
import { gatewayNodes } from "../push.ts";
import type { GatewayContext } from "./gateway-context.ts";

/** The waves of requests to move are spread over this time, so that the other gateways do not get all clients at once. */
const wavesMs = 4_000;
const waveIntervalMs = 200;

/** A client that is asked to move reconnects after a random time up to this. */
const maxReconnectAfterMs = 1_000;

/**
 * Asks the clients of this node to move to other gateways, in waves. Resolves when they have moved, or had enough time. If there is
 * no other gateway, they are all asked at once, and it resolves without waiting.
 */
export async function drain(gateway: GatewayContext): Promise<void> {
	const sockets = gateway.sockets.all();
	const isLast = gatewayNodes(gateway.broker).every((nodeId) => nodeId === gateway.broker.nodeID);
	const waveSize = isLast ? sockets.length : Math.max(1, Math.ceil((sockets.length * waveIntervalMs) / wavesMs));
	for (let start = 0; start < sockets.length; start += waveSize) {
		if (start > 0) await delay(waveIntervalMs);
		for (const socket of sockets.slice(start, start + waveSize)) askToMove(socket);
	}
	if (isLast) return;
	const deadline = Date.now() + 2 * maxReconnectAfterMs;
	while (gateway.sockets.userIds().length > 0 && Date.now() < deadline) await delay(waveIntervalMs / 4);
	await gateway.acks.drain();
	await gateway.presence.leave();
}

/** Asks one client to move; also one that connects during the drain. */
export function askToMove(socket: { emit(event: string, payload: object): unknown }): void {
	socket.emit("server_draining", { reconnectAfterMs: Math.floor(Math.random() * maxReconnectAfterMs) });
}
