import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { isIP, isIPv6, SocketAddress } from "node:net";
import type { ClientSocket } from "./sockets.ts";

/** The client address of a request, as rate limits count it. */
export function requestAddress({ headers, socket }: IncomingMessage, trustedProxies: number): string {
	return addressOf(headers, socket.remoteAddress ?? "", trustedProxies);
}

/** The client address of a socket, as rate limits count it. */
export function socketAddress({ handshake }: ClientSocket, trustedProxies: number): string {
	return addressOf(handshake.headers, handshake.address, trustedProxies);
}

/**
 * The client's address behind `trustedProxies` proxies. Each proxy appends the address of its own peer to X-Forwarded-For. Entries
 * before those of the trusted proxies may be forged by the client. For IPv6 this is the /64 network, since providers give each
 * customer a whole /64.
 */
export function addressOf(headers: IncomingHttpHeaders, peer: string, trustedProxies: number): string {
	const forwarded = String(headers["x-forwarded-for"] ?? "").split(",");
	const hops = [...forwarded.map((entry) => withoutPort(entry.trim())).filter((entry) => entry !== ""), peer];
	const client = hops.at(-1 - trustedProxies) ?? hops[0] ?? peer;
	return networkOf(isIP(client) ? client : peer);
}

/** Some proxies append the port: `192.0.2.1:5000`, `[2001:db8::1]:5000`. */
function withoutPort(entry: string): string {
	return entry.replace(/^\[(.+)\](:\d+)?$/, "$1").replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1");
}

function networkOf(address: string): string {
	const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
	if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
	const normalized = new SocketAddress({ address: address.replace(/%.*/, ""), family: "ipv6" }).address;
	const [head = [], tail = []] = normalized.split("::").map((half) => half.split(":").filter((group) => group !== ""));
	const zeros = Array<string>(Math.max(8 - head.length - tail.length, 0)).fill("0");
	return `${[...head, ...zeros, ...tail].slice(0, 4).join(":")}::/64`;
}
