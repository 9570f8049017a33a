import type { Redis } from "ioredis";
import { chunksOf } from "../../lib/chunks.ts";
import type { Calls } from "../../services/contracts.ts";
import { maxReported } from "../../services/presence/presence.contract.ts";
import type { TestNode } from "./broker.ts";
import { query } from "./database.ts";

/** A gateway that has sockets of all these users reports them for the first time. */
export async function reportEverybody(calls: Calls, nodeId: string, userIds: string[]): Promise<void> {
	let number = 0;
	for (const chunk of chunksOf(userIds, maxReported)) {
		const users = chunk.map((userId) => ({ userId, status: "online" as const }));
		await calls.call("presence.report", { nodeId, number: ++number, users });
	}
	await calls.call("presence.report", { nodeId, number: ++number, users: [], since: 1 });
}

/** How many of the users are shown as online, away or offline. */
export async function countStatuses(calls: Calls, userIds: string[]): Promise<Record<string, number>> {
	const counts: Record<string, number> = {};
	for (const chunk of chunksOf(userIds, 1_000)) {
		for (const { status } of await calls.call("presence.lookup", { userIds: chunk })) counts[status] = (counts[status] ?? 0) + 1;
	}
	return counts;
}

/** Everybody of `userIds` has a conversation with `partnerId`. */
export async function shareConversations(databaseUrl: string, partnerId: string, userIds: string[]): Promise<void> {
	await query(
		databaseUrl,
		`insert into conversations (id, user1_id, user2_id, job_application_id)
		select gen_random_uuid(), user_id, $1, gen_random_uuid()::text from unnest($2::text[]) as user_id`,
		[partnerId, userIds],
	);
}

/** From now on Redis hears nothing of the node's presence service: what it did so far stays, as if the process was killed. */
export async function cutOff(node: TestNode): Promise<void> {
	const service: unknown = node.broker.getLocalService("presence");
	(service as { redis: Redis }).redis.disconnect();
}
