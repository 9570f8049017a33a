import type { Middleware, ServiceBroker } from "moleculer";
import { NatsTransporter } from "../mixins/nats-transporter.ts";

/** Something is amiss with a node that leaves a request unanswered over two looks: for 150 to 300 ms. */
const lookIntervalMs = 150;

/** A node under suspicion is asked again after this time: it may have died since. */
const probeIntervalMs = 400;

/** Heartbeats come every 0.5 to 1.5 s, and Moleculer notes their times in whole seconds. */
const lateHeartbeatSeconds = 2;

/** Without a heartbeat for longer than this a node is taken for dead, whatever NATS says: its host is gone, or it hangs. */
const heartbeatTimeoutSeconds = 5;

/** After NATS was away, nodes come back one after the other: within this time nobody is given up for not being there yet. */
const reunionMs = 2_000;

/** A look that came so much too late says that this process stood still: what it knows of the others is old. */
const stoodStillMs = 1_000;

/**
 * Finds out which nodes have died (docs/adr/0015). NATS forgets the subscriptions of a process in the moment in which it ends, and
 * answers «no responders» to a request to a subject without one. So a node that leaves a request unanswered, or whose heartbeat
 * is late, is pinged with a reply subject: if NATS says that nobody is there, the node leaves the registry, what it has not answered is
 * rejected, and middlewares/retry asks another. A node that is only slow has its subscription, and stays.
 *
 * A timer looks at what is pending, so that a call costs nothing. On other buses than NATS only heartbeats count; without a bus
 * there is nothing to watch.
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
	/** Requests that were unanswered at the last look. */
	#unanswered = new Set<unknown>();
	/** At most one probe a node. */
	readonly #probes = new Map<string, { name: string; sentAtMs: number }>();
	#probesSent = 0;
	#lookedAtMs = performance.now();
	#stoodStillAtMs = Number.NEGATIVE_INFINITY;

	constructor(broker: ServiceBroker) {
		this.#broker = broker;
		const bus: unknown = broker.transit?.tx;
		this.#nats = bus instanceof NatsTransporter ? bus : undefined;
		if (this.#nats) this.#nats.onAbsent = (probe) => this.#absent(probe);
		this.#timer = setInterval(() => this.#look(), lookIntervalMs).unref();
	}

	stop(): void {
		clearInterval(this.#timer);
	}

	#look(): void {
		const nowMs = performance.now();
		if (nowMs - this.#lookedAtMs > stoodStillMs) this.#stoodStillAtMs = nowMs;
		this.#lookedAtMs = nowMs;
		const suspects = new Set([...this.#slow(), ...this.#silent(nowMs)]);
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

	/** Nodes with a request that was unanswered at the last look already. */
	#slow(): string[] {
		const slow: string[] = [];
		const unanswered = new Set<unknown>();
		for (const request of this.#broker.transit?.pendingRequests.values() ?? []) {
			if (this.#unanswered.has(request)) slow.push(request.nodeID);
			unanswered.add(request);
		}
		this.#unanswered = unanswered;
		return slow;
	}

	/** Nodes whose heartbeat is late. Those that were silent for too long leave the registry. */
	#silent(nowMs: number): string[] {
		const { transit, registry } = this.#broker;
		if (!transit?.tx.connected) return [];
		const nowSeconds = Math.round(process.uptime());
		// Before that this node could not hear the others.
		const hearsForSeconds = (nowMs - Math.max(this.#stoodStillAtMs, this.#connectedAtMs)) / 1000;
		const silent: string[] = [];
		for (const node of registry.nodes.toArray()) {
			if (node.local || !node.available) continue;
			const silentSeconds = Math.min(nowSeconds - node.lastHeartbeatTime, hearsForSeconds);
			if (silentSeconds > heartbeatTimeoutSeconds) {
				this.#broker.logger.warn(`Nothing was heard of ${node.id} for more than ${heartbeatTimeoutSeconds} s.`);
				registry.discoverer.remoteNodeDisconnected(node.id, true);
			} else if (silentSeconds >= lateHeartbeatSeconds) silent.push(node.id);
		}
		return silent;
	}

	get #connectedAtMs(): number {
		return this.#nats?.connectedAtMs ?? Number.NEGATIVE_INFINITY;
	}

	/** NATS says that nobody was there to hear the probe. */
	#absent(name: string): void {
		const [nodeId] = [...this.#probes].find(([, probe]) => probe.name === name) ?? [];
		if (nodeId === undefined) return;
		this.#probes.delete(nodeId);
		// What was asked is lost in any case.
		const isReunion = performance.now() - this.#connectedAtMs < reunionMs;
		if (isReunion) this.#broker.transit?.removePendingRequestByNodeID(nodeId);
		else this.#broker.registry.discoverer.remoteNodeDisconnected(nodeId, true);
	}
}
