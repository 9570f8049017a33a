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

/** What unfinished packets may take of a node's memory. */
const maxUnfinishedBytes = 4 * maxPacketBytes;

/** The pieces of a packet are sent at once. */
const unfinishedTimeoutMs = 5_000;

const sweepIntervalMs = 1_000;

type Transporter = Transporters.Base;
type Send = Transporter["send"];
type Receive = Transporter["receive"];

/**
 * Lets packets of any kind be longer than the bus takes at a time (lib/fragments). What is not longer than a fragment passes as
 * it is. A call whose request or answer is too long for us, or was lost on the way, is rejected at once: its caller is told.
 */
export function fragments(): Middleware {
	const joiner = new FragmentJoiner({ maxUnfinishedBytes, timeoutMs: unfinishedTimeoutMs });
	let packets = 0;
	let sweep: NodeJS.Timeout | undefined;

	/** Runs only while something is unfinished. */
	function watch(broker: ServiceBroker): void {
		sweep ??= setInterval(() => {
			for (const header of joiner.expire(performance.now())) lost(broker, header, "the rest did not come");
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
			if (joiner.size > 0) watch(broker);
			return joined.state === "whole" ? joined.data : undefined;
		} catch (error) {
			broker.logger.warn("A fragment was not understood:", error);
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
				// All in one turn: what is sent later must not arrive earlier.
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
	// Moleculer's types say that these hooks give what the wrapped function gives; they give the wrapped function.
	return hooks as unknown as Middleware;
}

interface Packet {
	type: string;
	target: string;
	payload: { id?: string };
}

function tooLarge(bus: Transporter, type: string, target: string, call: string | null, sizeBytes: number): Promise<void> {
	const error = new Errors.MoleculerError(
		`A packet of ${sizeBytes} bytes is more than the bus takes (${maxPacketBytes}).`,
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

/** Tells who waits for a packet that it will not come: the sender of a request, or our own caller of what was answered. */
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

/** `nodeID`: the node that was called, whose request or answer it was. */
function packetLost(nodeID: string, reason: string): Error {
	return new Errors.MoleculerRetryableError(`A packet was lost: ${reason}.`, 503, "PACKET_LOST", { nodeID });
}

async function answer(broker: ServiceBroker, nodeID: string, call: string, error: Error): Promise<void> {
	await broker.transit?.sendResponse(nodeID, call, {}, {}, {}, error);
}
