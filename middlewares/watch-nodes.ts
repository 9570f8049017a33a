import type { Middleware, ServiceBroker } from "moleculer";
import { NatsTransporter } from "../mixins/nats-transporter.ts";

/** A node is suspected if a request is unanswered at two checks in a row: for 150 to 300 ms at least. */
const checkIntervalMs = 150;

/** A suspected node is probed again after this time, since it may have died meanwhile. */
const probeIntervalMs = 400;

/** A heartbeat is late after this time. They come every 0.5 to 1.5 s, and Moleculer stores their times in whole seconds. */
const lateHeartbeatSeconds = 2;

/** A node without a heartbeat for longer than this is removed, whatever NATS answers: its host is gone, or it hangs. */
const heartbeatTimeoutSeconds = 5;

/** After NATS was away, nodes reconnect one after the other. No node is removed within this time for being absent. */
const reconnectGraceMs = 2_000;

/** If the time between two checks is longer than this, this process stood still, and its data about other nodes are old. */
const stallMs = 1_000;

/**
 * Detects nodes that have died (docs/adr/0015). When a process ends, NATS drops its subscriptions at once, and answers «no responders»
 * to a request to a subject without a subscriber. A node with an unanswered request or a late heartbeat gets a PING with a reply
 * subject. If NATS answers «no responders», the node is removed from the registry, its pending requests are rejected, and
 * middlewares/retry calls another node. A node that is only slow still has its subscription, and stays.
 *
 * A timer checks the pending requests, so a call costs nothing more. On other buses than NATS only heartbeats count. Without a bus
 * there are no other nodes.
 */
export function watchNodes(): Middleware {
	let watch: NodeWatch | undefined;
	return {
		name: "watch-nodes",
		async starting(broker) {
			if (broker.transit) watch = new NodeWatch(broker);
		},
		async stopped() {
			watch?.stop();
		},
	};
}

class NodeWatch {
	readonly #broker: ServiceBroker;
	readonly #nats: NatsTransporter | undefined;
	readonly #timer: NodeJS.Timeout;
	/** The requests that were unanswered at the last check. */
	#unanswered = new Set<unknown>();
	/** The probes under way, by node; at most one for each. */
	readonly #probes = new Map<string, { name: string; sentAtMs: number }>();
	#probesSent = 0;
	#checkedAtMs = performance.now();
	#stalledAtMs = Number.NEGATIVE_INFINITY;

	constructor(broker: ServiceBroker) {
		this.#broker = broker;
		const bus: unknown = broker.transit?.tx;
		this.#nats = bus instanceof NatsTransporter ? bus : undefined;
		if (this.#nats) this.#nats.onAbsent = (probe) => this.#onAbsent(probe);
		this.#timer = setInterval(() => this.#check(), checkIntervalMs).unref();
	}

	stop(): void {
		clearInterval(this.#timer);
	}

	#check(): void {
		const nowMs = performance.now();
		if (nowMs - this.#checkedAtMs > stallMs) this.#stalledAtMs = nowMs;
		this.#checkedAtMs = nowMs;
		const suspects = new Set([...this.#withOldRequests(), ...this.#withLateHeartbeats(nowMs)]);
		for (const nodeId of this.#probes.keys()) if (!suspects.has(nodeId)) this.#probes.delete(nodeId);
		if (!this.#nats?.connected) return;
		for (const nodeId of suspects) {
			const sentAtMs = this.#probes.get(nodeId)?.sentAtMs ?? Number.NEGATIVE_INFINITY;
			if (nowMs - sentAtMs < probeIntervalMs) continue;
			const name = String(++this.#probesSent);
			this.#probes.set(nodeId, { name, sentAtMs: nowMs });
			this.#nats.probe(nodeId, name);
		}
	}

	/** The nodes with a request that was unanswered at the last check too. */
	#withOldRequests(): string[] {
		const nodeIds: string[] = [];
		const unanswered = new Set<unknown>();
		for (const request of this.#broker.transit?.pendingRequests.values() ?? []) {
			if (this.#unanswered.has(request)) nodeIds.push(request.nodeID);
			unanswered.add(request);
		}
		this.#unanswered = unanswered;
		return nodeIds;
	}

	/** The nodes whose heartbeat is late. Removes those without a heartbeat for too long. */
	#withLateHeartbeats(nowMs: number): string[] {
		const { transit, registry } = this.#broker;
		if (!transit?.tx.connected) return [];
		const nowSeconds = Math.round(process.uptime());
		// Before that, this node could not receive heartbeats.
		const receivingSeconds = (nowMs - Math.max(this.#stalledAtMs, this.#connectedAtMs)) / 1000;
		const late: string[] = [];
		for (const node of registry.nodes.toArray()) {
			if (node.local || !node.available) continue;
			const silentSeconds = Math.min(nowSeconds - node.lastHeartbeatTime, receivingSeconds);
			if (silentSeconds > heartbeatTimeoutSeconds) {
				this.#broker.logger.warn(`There was no heartbeat of ${node.id} for more than ${heartbeatTimeoutSeconds} s.`);
				registry.discoverer.remoteNodeDisconnected(node.id, true);
			} else if (silentSeconds >= lateHeartbeatSeconds) late.push(node.id);
		}
		return late;
	}

	get #connectedAtMs(): number {
		return this.#nats?.connectedAtMs ?? Number.NEGATIVE_INFINITY;
	}

	/** NATS had no subscriber for the probe. */
	#onAbsent(name: string): void {
		const [nodeId] = [...this.#probes].find(([, probe]) => probe.name === name) ?? [];
		if (nodeId === undefined) return;
		this.#probes.delete(nodeId);
		// The pending requests are lost in both cases.
		const isReconnecting = performance.now() - this.#connectedAtMs < reconnectGraceMs;
		if (isReconnecting) this.#broker.transit?.removePendingRequestByNodeID(nodeId);
		else this.#broker.registry.discoverer.remoteNodeDisconnected(nodeId, true);
	}
}
