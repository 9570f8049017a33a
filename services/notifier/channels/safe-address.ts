import { Resolver } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * Web push sends requests to URLs that people bring along. Without these checks, anybody could make a node send requests into the
 * operator's own network (server-side request forgery).
 *
 * 1. A URL is checked when a device is registered (`checkPushUrl`), so that its owner learns what is wrong.
 * 2. It is checked again for each push. A name is then resolved by the connection itself, and the connection goes to the addresses
 *    that were checked (`publicLookup`). So it does not help to let a name lead elsewhere after its registration.
 * 3. Connections to an IP address in the URL resolve nothing, so such URLs are checked before (`refusalOf`). `URL` has turned all
 *    ways to write an address (2130706433, 0x7f.1) into the usual one.
 *
 * Addresses that the operator's own network reaches over the internet are public too: a firewall has to protect those.
 */

/** Finds the addresses of a host. Rejects when there are none. */
export type Resolve = (hostname: string) => Promise<string[]>;

/**
 * Whether pushes may be sent to this URL, which somebody has registered for a device.
 * @param allow `host:port` of push services that may be private and without TLS (WEBPUSH_ALLOW)
 * @returns null, or what is wrong: the end of a sentence «the address …»
 */
export async function checkPushUrl(text: string, allow: string[], resolve: Resolve = resolveName): Promise<string | null> {
	const url = URL.parse(text);
	if (!url) return "must be an https URL";
	const refusal = refusalOf(url, allow);
	if (refusal !== null || isAllowed(url, allow) || isIP(hostOf(url))) return refusal;
	const addresses = await resolve(url.hostname).catch(() => []);
	if (addresses.length === 0) return "must be a host that can be resolved";
	return addresses.every(isPublic) ? null : privateRefusal;
}

/** What is wrong with a URL, as far as it can be told without resolving its host. */
export function refusalOf(url: URL, allow: string[]): string | null {
	if (url.username !== "" || url.password !== "") return "must not contain a user name or a password";
	if (isAllowed(url, allow)) return null;
	if (url.protocol !== "https:") return "must be an https URL";
	return isIP(hostOf(url)) && !isPublic(hostOf(url)) ? privateRefusal : null;
}

const privateRefusal = "must not be a private address";

/** Whether the operator named this push service in WEBPUSH_ALLOW. */
export function isAllowed(url: URL, allow: string[]): boolean {
	const defaultPort = { "https:": "443", "http:": "80" }[url.protocol];
	if (defaultPort === undefined) return false;
	const host = `${url.hostname}:${url.port || defaultPort}`;
	return allow.some((allowed) => allowed.toLowerCase() === host);
}

/** Whether an IP address belongs to a host in the internet. */
export function isPublic(text: string): boolean {
	if (!isIP(text)) return false;
	const address = ipaddr.parse(text);
	if (address instanceof ipaddr.IPv4) return address.range() === "unicast";
	// A network without IPv4 reaches IPv4 hosts through such an address. The IPv4 address is in its last four bytes.
	if (address.match(nat64)) return isPublic(address.toByteArray().slice(-4).join("."));
	// Also refuses what contains an IPv4 address in another way: mapped (::ffff:…), translated, 6to4, Teredo, local NAT64.
	return address.match(globalUnicast) && address.range() === "unicast";
}

const nat64 = ipaddr.IPv6.parseCIDR("64:ff9b::/96");
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/** A name that a push service has resolves to an address that is not public. */
export class PrivateAddress extends Error {
	override name = "PrivateAddress";
}

/** Resolves names for connections. Fails with `PrivateAddress` if any address of a name is not public. */
export function publicLookup(resolve: Resolve = resolveName): LookupFunction {
	return (hostname, { all, family }, callback) => {
		resolve(hostname).then(
			(addresses) => {
				if (!addresses.every(isPublic)) return callback(new PrivateAddress(), "");
				const found = addresses.map((address) => ({ address, family: isIP(address) }));
				const usable = found.filter((one) => (family !== 4 && family !== 6) || one.family === family);
				const [first] = usable;
				if (!first) callback(Object.assign(new Error("no address"), { code: "ENOTFOUND" }), "");
				else if (all) callback(null, usable);
				else callback(null, first.address, first.family);
			},
			(error: NodeJS.ErrnoException) => callback(error, ""),
		);
	};
}

/**
 * Asks the DNS servers. `dns.lookup` would take one of the few threads that files and cryptography need too, for as long as a
 * stranger's DNS server likes.
 * @param servers instead of those of the system
 */
export async function resolveName(hostname: string, servers?: string[]): Promise<string[]> {
	const resolver = new Resolver({ timeout: 1_500, tries: 2 });
	if (servers) resolver.setServers(servers);
	const timer = setTimeout(() => resolver.cancel(), resolveTimeoutMs);
	try {
		const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
		const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
		const failed = answers.find((answer) => answer.status === "rejected");
		if (addresses.length === 0) throw failed?.reason ?? new Error("no address");
		return addresses;
	} finally {
		clearTimeout(timer);
	}
}

/** Less than the time that a call between services has (`callTimeoutMs`). */
const resolveTimeoutMs = 4_000;

/** The host of a URL, an IPv6 address without its brackets. */
function hostOf({ hostname }: URL): string {
	return hostname.replace(/^\[(.*)\]$/, "$1");
}
