import { hash } from "node:crypto";
import type { Status } from "./presence/presence.contract.ts";

/** Digests are sums modulo this. */
export const digestModulus = 2 ** 32;

/**
 * The part of one entry in a gateway's digest: a number below 2^32. The digest is the sum of the parts, so the order of the entries
 * does not matter, and a change costs one subtraction and one addition.
 */
export function digestOf(userId: string, status: Status): number {
	return hash("sha1", `${status} ${userId}`, "buffer").readUInt32BE(0);
}
