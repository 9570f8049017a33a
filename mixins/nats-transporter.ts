import { setTimeout as delay } from "node:timers/promises";
import { Transporters } from "moleculer";
import { connect, type NatsConnection } from "nats";
import { neededPayloadBytes } from "../lib/fragments.ts";
import { type NatsSettings, natsOptions } from "./nats-options.ts";

/** How long a node that stops waits until NATS has what it said last. */
const flushMs = 1_000;

/**
 * Moleculer's NATS transporter, and what it lacks: credentials; it knows when the connection is lost, so that calls fail at once
 * instead of never, and announces the node again as soon as there is another; and it can ask whether a node is there.
 */
export class NatsTransporter extends Transporters.NATS {
	readonly #options: ReturnType<typeof natsOptions>;
	#connectedAtMs = 0;
	#closing = false;
	#onAbsent: (probe: string) => void = () => undefined;
	declare client: NatsConnection | null;

	/** @throws {ConfigError} when the credentials file is none */
	constructor(settings: NatsSettings) {
		super({});
		this.#options = natsOptions(settings);
	}

	/** `$node.options` shows what a broker runs with: nothing of this. */
	toJSON(): object {
		return { type: "NATS" };
	}

	/** Since when there is a connection, by the clock of `performance.now()`. */
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
			// It is meant to be made again for ever. Without it this node would be alive and deaf.
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

	/** Events may be lost at any time. While there is no connection they are, without an error in the log for each. */
	override prepublish(packet: Parameters<Transporters.NATS["prepublish"]>[0]): Promise<void> {
		return !this.connected && packet.type === "EVENT" ? Promise.resolve() : super.prepublish(packet);
	}

	/** nats.js throws where a promise is expected. */
	override async send(topic: string, data: Buffer): Promise<void> {
		this.client?.publish(topic, data);
	}

	/**
	 * Pings a node in a way that the server itself answers if nobody is there to hear it: then `probe` is given to `onAbsent`. A
	 * node that is there answers with Moleculer's PONG as soon as it can.
	 */
	probe(nodeId: string, probe: string): void {
		const payload = { ver: this.broker.PROTOCOL_VERSION, sender: this.nodeID, time: Date.now(), id: probe };
		const data = this.broker.serializer?.serialize(payload, "PING");
		this.client?.publish(this.getTopicName("PING", nodeId), data, { reply: `${this.#probeSubject}.${probe}` });
	}

	set onAbsent(heard: (probe: string) => void) {
		this.#onAbsent = heard;
	}

	/** Below Moleculer's own prefix, so that who may use that may use these. */
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
		// Others are not to be taken for dead because this node does not hear them.
		this.broker.broadcastLocal("$transporter.disconnected", { graceFul: false });
		// What they would have answered is lost.
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
		// What others asked of this node, or it answered, while it was away is lost: they must ask again.
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
 * nats.js has missed its pings and closes the connection once what it has written has left, which over a silent connection with
 * full buffers takes a quarter of an hour. Nothing public ends it sooner.
 */
function destroySocket(client: NatsConnection): void {
	const { protocol } = client as unknown as { protocol?: { transport?: { socket?: { destroy(): void } } } };
	protocol?.transport?.socket?.destroy();
}
