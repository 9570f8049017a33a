import fc from "fast-check";
import { Decoder, Encoder, type Packet, PacketType } from "socket.io-parser";
import { parser } from "../../services/gateway/packet-parser.ts";

const ours = new parser.Encoder();
const theirs = new Encoder();

const json = fc.jsonValue();
const nsp = fc.constantFrom("/", "/messaging");
const id = fc.option(fc.nat(), { nil: undefined });
const event = fc.tuple(fc.string(), fc.array(json)).map(([name, args]) => [name, ...args]);
const packets = fc.oneof(
	fc.record({ type: fc.constant(PacketType.EVENT), nsp, id, data: event }),
	fc.record({ type: fc.constant(PacketType.ACK), nsp, id, data: fc.array(json) }),
	fc.record({ type: fc.constant(PacketType.CONNECT), nsp, data: fc.dictionary(fc.string(), json) }),
	fc.record({ type: fc.constant(PacketType.CONNECT_ERROR), nsp, data: fc.dictionary(fc.string(), json) }),
	fc.record({ type: fc.constant(PacketType.DISCONNECT), nsp }),
);

test("Every packet is written as socket.io's own encoder writes it", () => {
	fc.assert(
		fc.property(packets, (packet) => {
			expect(ours.encode(packet as Packet)).toEqual(theirs.encode(packet as Packet));
		}),
	);
});

test("A payload that goes out again is the same text", () => {
	const payload = { message: { content: "«Hello» \u2028 👋" } };
	const sent = ours.encode({ type: PacketType.EVENT, nsp: "/messaging", data: ["message_sent", payload] });
	const received = ours.encode({ type: PacketType.EVENT, nsp: "/messaging", id: 7, data: ["message_received", payload] });

	expect(decode(sent)).toMatchObject({ data: ["message_sent", payload] });
	expect(decode(received)).toMatchObject({ id: 7, data: ["message_received", payload] });
});

function decode([text]: unknown[]): Packet {
	const decoder = new Decoder();
	let decoded: Packet | undefined;
	decoder.on("decoded", (packet) => {
		decoded = packet;
	});
	decoder.add(text);
	if (!decoded) throw new Error("nothing was decoded");
	return decoded;
}
