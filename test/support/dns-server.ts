import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv4 } from "node:net";
import ipaddr from "ipaddr.js";

export interface DnsServer {
	address: string;
	stop(): Promise<void>;
}

/** Knows the addresses of these hosts and of no others. `silent`: never answers. */
export async function startDnsServer(hosts: Record<string, string[]> | "silent"): Promise<DnsServer> {
	const socket = createSocket("udp4");
	socket.on("message", (query, { port, address }) => {
		if (hosts !== "silent") socket.send(answerTo(query, hosts), port, address);
	});
	socket.bind(0, "127.0.0.1");
	await once(socket, "listening");
	return {
		address: `127.0.0.1:${socket.address().port}`,
		async stop() {
			socket.close();
			await once(socket, "close");
		},
	};
}

/** RFC 1035, section 4 */
function answerTo(query: Buffer, hosts: Record<string, string[]>): Buffer {
	const labels: string[] = [];
	let offset = 12;
	for (let length = query.readUInt8(offset); length > 0; length = query.readUInt8(offset)) {
		labels.push(query.toString("ascii", offset + 1, offset + 1 + length));
		offset += 1 + length;
	}
	const question = query.subarray(12, offset + 5);
	const type = query.readUInt16BE(offset + 1);
	const known = hosts[labels.join(".").toLowerCase()];
	const found = (known ?? []).filter((address) => type === (isIPv4(address) ? 1 : 28));
	const header = Buffer.alloc(12);
	query.copy(header, 0, 0, 2);
	header.writeUInt16BE(known ? 0x8180 : 0x8183, 2);
	header.writeUInt16BE(1, 4);
	header.writeUInt16BE(found.length, 6);
	return Buffer.concat([header, question, ...found.map((address) => record(type, address))]);
}

function record(type: number, address: string): Buffer {
	const data = Buffer.from(ipaddr.parse(address).toByteArray());
	// A pointer to the name in the question, the type, the class IN, and 60 s to live.
	const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
	return Buffer.concat([head, data]);
}
