import { Errors, type Middleware, type ServiceBroker, type Transporters } from "moleculer";
import {
	cut,
	type FragmentHeader,
	FragmentJoiner,
	fragmentBytes,
	isFragment,
	maxPacketBytes,
	readFragment,
} from "../lib/fragments.ts";

/** How much memory unfinished packets may take. */
const maxUnfinishedBytes = 4 * maxPacketBytes;

/** A packet is given up this long after its last fragment. (All fragments of a packet are sent together.) */
const unfinishedTimeoutMs = 5_000;

const sweepIntervalMs = 1_000;

type Transporter = Transporters.Base;
type Send = Transporter["send"];
type Receive = Transporter["receive"];

/**
 * Sends packets that are longer than the bus accepts as fragments (lib/fragments). A packet that is not longer than one fragment is
 * sent as it is. If a request or an answer is above our own limit, or is lost, its call is rejected at once.
 */
export function fragments(): Middleware {
	const joiner = new FragmentJoiner({ maxUnfinishedBytes, timeoutMs: unfinishedTimeoutMs });
	let packets = 0;
	let sweep: NodeJS.Timeout | undefined;

	/** Expires unfinished packets. The timer runs only while there are any. */
	function startSweep(broker: ServiceBroker): void {
		sweep ??= setInterval(() => {
			for (const header of joiner.expire(performance.now())) lost(broker, header, "the rest did not arrive");
			if (joiner.size > 0) return;
			clearInterval(sweep);
			sweep = undefined;
		}, sweepIntervalMs).unref();
	}

	function join(broker: ServiceBroker, data: Buffer): Buffer | undefined {
		try {
			const { header, piece } = readFragment(data);
			const joined = joiner.add(header, piece, performance.now());
			if (joined.state === "lost") lost(broker, header, joined.reason);
			if (joiner.size > 0) startSweep(broker);
			return joined.state === "whole" ? joined.data : undefined;
		} catch (error) {
			broker.logger.warn("A fragment could not be read:", error);
			return undefined;
		}
	}

	const hooks = {
		name: "fragments",
		transporterSend(this: Transporter, next: Send): Send {
			return (topic, data, meta) => {
				if (data.length <= fragmentBytes) return next(topic, data, meta);
				const { type, target, payload } = (meta as { packet: Packet }).packet;
				const call = payload.id ?? null;
				if (data.length > maxPacketBytes) return tooLarge(this, type, target, call, data.length);
				packets += 1;
				// All in one turn of the event loop, so that no later packet arrives earlier.
				const sent: Promise<void>[] = [];
				for (const piece of cut(data, { packet: String(packets), sender: this.nodeID, type, call })) {
					sent.push(next(topic, piece, meta));
				}
				return Promise.all(sent).then(() => undefined);
			};
		},
		transporterReceive(this: Transporter, next: Receive): Receive {
			return (command, data, socket) => {
				if (!isFragment(data)) return next(command, data, socket);
				const whole = join(this.broker, data);
				if (whole) return next(command, whole, socket);
			};
		},
		async stopped() {
			clearInterval(sweep);
			sweep = undefined;
		},
	};
	// Moleculer's types want these hooks to return the result of the wrapped function. They must return the wrapped function.
	return hooks as unknown as Middleware; // They return the wrapped function, not its result.
}

interface Packet {
	type: string;
	target: string;
	payload: { id?: string };
}

function tooLarge(bus: Transporter, type: string, target: string, call: string | null, sizeBytes: number): Promise<void> {
	const error = new Errors.MoleculerError(
		`A packet of ${sizeBytes} bytes is longer than allowed (${maxPacketBytes}).`,
		500,
		"PACKET_TOO_LARGE",
		{ sizeBytes, maxPacketBytes },
	);
	if (type === "RES" && call !== null) {
		bus.logger.error(`The answer to ${target} was not sent:`, error.message);
		return answer(bus.broker, target, call, error);
	}
	return Promise.reject(error);
}

/** Rejects the call whose packet was lost: for a request at its sender, for an answer here. */
function lost(broker: ServiceBroker, { type, sender, call, sizeBytes }: FragmentHeader, reason: string): void {
	broker.logger.warn(`A packet of ${sizeBytes} bytes from ${sender} was lost: ${reason}.`);
	const { transit } = broker;
	if (!transit || call === null) return;
	if (type === "REQ") {
		answer(broker, sender, call, packetLost(broker.nodeID, reason)).catch((error: unknown) => broker.logger.warn(error));
	} else if (type === "RES") {
		const waiting = transit.pendingRequests.get(call);
		transit.removePendingRequest(call);
		waiting?.reject(packetLost(sender, reason));
	}
}

/** `nodeID`: the node that was called. */
function packetLost(nodeID: string, reason: string): Error {
	return new Errors.MoleculerRetryableError(`A packet was lost: ${reason}.`, 503, "PACKET_LOST", { nodeID });
}

async function answer(broker: ServiceBroker, nodeID: string, call: string, error: Error): Promise<void> {
	await broker.transit?.sendResponse(nodeID, call, {}, {}, {}, error);
}
