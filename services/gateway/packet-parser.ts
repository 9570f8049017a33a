import { Decoder, Encoder, type Packet, PacketType } from "socket.io-parser";

/** The JSON of payloads, since a payload may go to several sockets. */
const texts = new WeakMap<object, string>();

/**
 * Encodes socket.io packets that hold nothing binary. It does not search payloads for buffers, and makes the JSON of a payload for
 * several sockets only once. With socket.io's own encoder, encoding took a tenth of a busy gateway's CPU time.
 */
class TextEncoder extends Encoder {
	override encode(packet: Packet): unknown[] {
		if (packet.type !== PacketType.EVENT && packet.type !== PacketType.ACK) return super.encode(packet);
		const { type, nsp, id, data } = packet;
		return [
			`${type}${nsp === "/" ? "" : `${nsp},`}${id ?? ""}${type === PacketType.EVENT ? eventText(data) : JSON.stringify(data)}`,
		];
	}
}

/** socket.io's option `parser`. */
export const parser = { Encoder: TextEncoder, Decoder };

function eventText(data: unknown[]): string {
	const [event, payload] = data;
	if (data.length !== 2 || typeof payload !== "object" || payload === null) return JSON.stringify(data);
	let text = texts.get(payload);
	if (text === undefined) {
		text = JSON.stringify(payload);
		texts.set(payload, text);
	}
	return `[${JSON.stringify(event)},${text}]`;
}
