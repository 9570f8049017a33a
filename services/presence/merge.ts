import type { Status } from "./presence.contract.ts";

const rank: Record<Status, number> = { online: 2, away: 1, offline: 0 };

/** Whether the first is more present than the second. */
export function isBetter(one: Status, other: Status): boolean {
	return rank[one] > rank[other];
}

/** What a user is whose devices are these: online if one is, else away if one is. */
export function mergeStatuses(statuses: Iterable<Status>): Status {
	let merged: Status = "offline";
	for (const status of statuses) if (isBetter(status, merged)) merged = status;
	return merged;
}
