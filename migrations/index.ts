import { up as conversations } from "./20261123T0600-conversations.ts";
import { up as sync } from "./20261123T0700-sync.ts";
import { up as search } from "./20261123T0800-search.ts";
import { up as images } from "./20261123T0900-images.ts";
import { up as participantsByUser } from "./20261124T0600-participants-by-user.ts";
import { up as renames } from "./20261124T0700-renames.ts";
import { up as applicationPeople } from "./20261124T2200-application-people.ts";
import { up as imageAttempts } from "./20261125T0600-image-attempts.ts";
import { up as consumers } from "./20261125T0700-consumers.ts";
import { up as messageSearch } from "./20261125T0800-message-search.ts";
import { up as notifications } from "./20261125T0900-notifications.ts";
import { up as searchRemovals } from "./20261125T1000-search-removals.ts";

/** All migrations by name, in the order in which they run. A released name never changes. */
export const migrations: Record<string, string> = {
	"20261123T0600-conversations": conversations,
	"20261123T0700-sync": sync,
	"20261123T0800-search": search,
	"20261123T0900-images": images,
	"20261124T0600-participants-by-user": participantsByUser,
	"20261124T0700-renames": renames,
	"20261124T2200-application-people": applicationPeople,
	"20261125T0600-image-attempts": imageAttempts,
	"20261125T0700-consumers": consumers,
	"20261125T0800-message-search": messageSearch,
	"20261125T0900-notifications": notifications,
	"20261125T1000-search-removals": searchRemovals,
};

/**
 * The migrations that older releases can run with: they only add, and neither remove nor change anything that older code uses. A
 * release does not start on a database with any other migration that it does not know.
 */
export const compatible: ReadonlySet<string> = new Set([
	"20261124T0600-participants-by-user",
	"20261124T0700-renames",
	"20261125T0700-consumers",
	"20261125T0800-message-search",
	"20261125T0900-notifications",
	"20261125T1000-search-removals",
]);
