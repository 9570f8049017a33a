import { setTimeout as delay } from "node:timers/promises";
import { Transporters } from "moleculer";
import { connect, type NatsConnection } from "nats";
import { neededPayloadBytes } from "../lib/fragments.ts";
import { type NatsSettings, natsOptions } from "./nats-options.ts";

/** How long a node that stops waits until NATS has received its last packets. */
const flushMs = 1_000;

/**
 * Moleculer's NATS transporter with three additions. It logs in with credentials. When the connection is lost, calls fail at once,
 * and when there is a new one, the node announces itself again. It can ask the server whether another node is connected.
 */
export class NatsTransporter extends Transporters.NATS {
	readonly #options: ReturnType<typeof natsOptions>;
	#connectedAtMs = 0;
	#closing = false;
	#onAbsent: (probe: string) => void = () => undefined;
	declare client: NatsConnection | null;

	/** @throws {ConfigError} when the credentials file cannot be used */
	constructor(settings: NatsSettings) {
		super({});
		this.#options = natsOptions(settings);
	}

	/** `$node.options` shows a broker's options: without this, also the login. */
	toJSON(): object {
		return { type: "NATS" };
	}

	/** When the current connection was made, by the clock of `performance.now()`. */
	get connectedAtMs(): number {
		return this.#connectedAtMs;
	}

	override async connect(): Promise<void> {
		this.#closing = false;
		const client = await connect({ ...this.#options, name: this.nodeID });
		this.client = client;
		const problem = payloadProblem(client);
		if (problem) this.broker.fatal(problem);
		client.subscribe(`${this.#probeSubject}.*`, {
			callback: (_, message) => {
				if (message.headers?.code === 503) this.#onAbsent(message.subject.slice(this.#probeSubject.length + 1));
			},
		});
		client.subscribe(this.#backSubject, {
			callback: (_, message) => this.transit.removePendingRequestByNodeID(Buffer.from(message.data).toString()),
		});
		void this.#follow(client);
		void client.closed().then((error) => {
			this.connected = false;
			// nats.js should reconnect without end. If it gives up, the node would run on without hearing the others.
			if (!this.#closing) this.broker.fatal("The connection to NATS was closed for good:", error ?? undefined);
		});
		this.#connectedAtMs = performance.now();
		await this.onConnected();
	}

	override async disconnect(): Promise<void> {
		this.#closing = true;
		const { client } = this;
		if (!client) return;
		if (this.connected) await Promise.race([client.flush().catch(() => undefined), delay(flushMs, undefined, { ref: false })]);
		await client.close();
		this.client = null;
	}

	/** Events are not guaranteed to arrive. Without a connection they are dropped, with no error in the log for each. */
	override prepublish(packet: Parameters<Transporters.NATS["prepublish"]>[0]): Promise<void> {
		return !this.connected && packet.type === "EVENT" ? Promise.resolve() : super.prepublish(packet);
	}

	/** `async`, because Moleculer expects a promise, and nats.js throws. */
	override async send(topic: string, data: Buffer): Promise<void> {
		this.client?.publish(topic, data);
	}

	/**
	 * Pings a node. When the node has no subscription on the server, the server itself answers, and `onAbsent` gets `probe`. A node
	 * that is connected answers with Moleculer's PONG.
	 */
	probe(nodeId: string, probe: string): void {
		const payload = { ver: this.broker.PROTOCOL_VERSION, sender: this.nodeID, time: Date.now(), id: probe };
		const data = this.broker.serializer?.serialize(payload, "PING");
		this.client?.publish(this.getTopicName("PING", nodeId), data, { reply: `${this.#probeSubject}.${probe}` });
	}

	set onAbsent(listener: (probe: string) => void) {
		this.#onAbsent = listener;
	}

	/** Below Moleculer's own prefix, so that the same permission in NATS covers it. */
	get #probeSubject(): string {
		return `${this.prefix}.PROBE.${this.nodeID}`;
	}

	get #backSubject(): string {
		return `${this.prefix}.BACK`;
	}

	async #follow(client: NatsConnection): Promise<void> {
		for await (const { type, data } of client.status()) {
			if (type === "disconnect") this.#lost(String(data));
			else if (type === "reconnect") this.#found(client, String(data));
			else if (type === "staleConnection") destroySocket(client);
		}
	}

	#lost(server: string): void {
		if (!this.connected || this.#closing) return;
		this.logger.warn(`The connection to NATS (${server}) was lost.`);
		this.connected = false;
		// Moleculer then stops its timers for heartbeats and for lost nodes: this node cannot hear any of the others.
		this.broker.broadcastLocal("$transporter.disconnected", { graceFul: false });
		// The answers to open calls are lost, so these calls fail now.
		const { transit } = this;
		const asked = new Set([...transit.pendingRequests.values()].map(({ nodeID }) => nodeID));
		for (const nodeID of asked) transit.removePendingRequestByNodeID(nodeID);
	}

	#found(client: NatsConnection, server: string): void {
		if (this.#closing) return;
		this.logger.info(`There is a connection to NATS again (${server}).`);
		const problem = payloadProblem(client);
		if (problem) this.logger.error(problem);
		this.#connectedAtMs = performance.now();
		// Calls to this node, and its answers, are lost while it is not connected. The others must repeat their open calls to it.
		client.publish(this.#backSubject, Buffer.from(this.nodeID));
		this.onConnected(true).catch((error: unknown) => this.logger.error("Could not announce this node again:", error));
	}
}

function payloadProblem({ info }: NatsConnection): string | undefined {
	const has = info?.max_payload ?? 0;
	if (has >= neededPayloadBytes) return undefined;
	return `nats-server takes messages of ${has} bytes (max_payload), Parley needs ${neededPayloadBytes}.`;
}

/**
 * After missed pings, nats.js closes the connection only when everything that it has written is sent. On a connection that takes no
 * data this lasts a quarter of an hour. nats.js has no public way to close it sooner.
 */
function destroySocket(client: NatsConnection): void {
	// `protocol` is not in the public types.
	const { protocol } = client as unknown as { protocol?: { transport?: { socket?: { destroy(): void } } } };
	protocol?.transport?.socket?.destroy();
}
