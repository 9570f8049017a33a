import { setTimeout as delay } from "node:timers/promises";
import { gatewayNodes } from "../push.ts";
import type { GatewayContext } from "./gateway-context.ts";

/** Over how long the sockets are asked to move, so that they do not all come to the other gateways at once. */
const wavesMs = 4_000;
const waveIntervalMs = 200;

/** A client that was asked reconnects within this time. */
const maxReconnectAfterMs = 1_000;

/**
 * Asks the sockets of this node to move to other gateways, in waves; resolves when they have, or had the time to. Without
 * another gateway they are told to come back, and nobody waits.
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

/** Also for who connects while this node leaves. */
export function askToMove(socket: { emit(event: string, payload: object): unknown }): void {
	socket.emit("server_draining", { reconnectAfterMs: Math.floor(Math.random() * maxReconnectAfterMs) });
}
