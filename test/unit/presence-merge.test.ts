import type { Status } from "../../services/presence/presence.contract.ts";
import { mergeStatuses } from "../../services/presence/presence.contract.ts";

const table: [Status[], Status][] = [
	[[], "offline"],
	[["online"], "online"],
	[["away"], "away"],
	[["offline"], "offline"],
	[["away", "online"], "online"],
	[["online", "away"], "online"],
	[["offline", "away"], "away"],
	[["away", "offline", "away"], "away"],
	[["offline", "offline"], "offline"],
	[["away", "offline", "online", "away"], "online"],
];

test.each(table)("devices that are %j make their user %s", (devices, merged) => {
	expect(mergeStatuses(devices)).toBe(merged);
});
