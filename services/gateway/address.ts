import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { isIP, isIPv6, SocketAddress } from "node:net";
import type { ClientSocket } from "./sockets.ts";

/** Whom a request comes from, as rate limits count it. */
export function requestAddress({ headers, socket }: IncomingMessage, trustedProxies: number): string {
	return addressOf(headers, socket.remoteAddress ?? "", trustedProxies);
}

/** Whom a socket comes from, as rate limits count it. */
export function socketAddress({ handshake }: ClientSocket, trustedProxies: number): string {
	return addressOf(handshake.headers, handshake.address, trustedProxies);
}

/**
 * Each proxy adds at the end of X-Forwarded-For whom it heard; what stands before the entries of the trusted ones was written by
 * the client itself. Of IPv6 it is the network, since a customer is given a whole /64.
 */
export function addressOf(headers: IncomingHttpHeaders, peer: string, trustedProxies: number): string {
	const forwarded = String(headers["x-forwarded-for"] ?? "").split(",");
	const hops = [...forwarded.map((entry) => withoutPort(entry.trim())).filter((entry) => entry !== ""), peer];
	const said = hops.at(-1 - trustedProxies) ?? hops[0] ?? peer;
	return networkOf(isIP(said) ? said : peer);
}

/** Some proxies add the port: `192.0.2.1:5000`, `[2001:db8::1]:5000`. */
function withoutPort(entry: string): string {
	return entry.replace(/^\[(.+)\](:\d+)?$/, "$1").replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1");
}

function networkOf(address: string): string {
	const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
	if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
	const written = new SocketAddress({ address: address.replace(/%.*/, ""), family: "ipv6" }).address;
	const [head = [], tail = []] = written.split("::").map((half) => half.split(":").filter((group) => group !== ""));
	const zeros = Array<string>(Math.max(8 - head.length - tail.length, 0)).fill("0");
	return `${[...head, ...zeros, ...tail].slice(0, 4).join(":")}::/64`;
}
