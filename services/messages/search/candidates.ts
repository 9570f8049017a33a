import { z } from "zod";
import { Time } from "../../../lib/schemas.ts";
import { type Database, type Statement, statement } from "../../../mixins/database.ts";
import type { Message } from "../messages.contract.ts";
import type { Query } from "./query.ts";
import { masksOf, signatureSizes } from "./signature.ts";

/** A message whose signature has all that is looked for. */
export interface Candidate {
	conversation_id: string;
	seq: number;
	created_at: string;
	sender_id: string;
	type: Message["type"];
	content: string | null;
}

/** Whose messages are searched: all of the caller's conversations, archived ones too, or one of them. */
export interface Scope {
	callerId: string;
	conversationId: string | undefined;
}

/** Where a message stands among those of several conversations: newer first, and one order for what came in one moment. */
export const Position = z.tuple([Time, z.guid(), z.int()]);
export type Position = z.infer<typeof Position>;

export const positionOf = ({ created_at, conversation_id, seq }: Candidate): Position => [created_at, conversation_id, seq];

/** Candidates that are older than `after`, newest first. */
export function candidates(
	db: Database,
	{ callerId, conversationId }: Scope,
	{ groups, filters }: Query,
	after: Position | undefined,
	limit: number,
): Promise<Candidate[]> {
	const [createdAt, id, seq] = after ?? ["infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff", Number.MAX_SAFE_INTEGER];
	return db.query<Candidate>(candidatesStatement(conversationId === undefined ? "user" : "conversation", groups.length), [
		conversationId ?? callerId,
		limit,
		filters.since ?? "-infinity",
		filters.before ?? "infinity",
		...[createdAt, id, seq],
		...groups.flatMap((group) => masksOf(group, filters, callerId)),
	]);
}

const conversationsOf = {
	user: "(c.user1_id = $1 or c.user2_id = $1)",
	conversation: "c.id = $1::uuid",
};

/**
 * The inner select reads nothing but the index `messages_pkey`, which carries the signatures, one conversation after the other,
 * each from its newest message on and no further than the limit; messages of other conversations are never looked at. Only
 * what comes out as the newest of all is fetched from the table. Erased content is no candidate, nor one that has none but is no image.
 */
export function candidatesStatement(scope: keyof typeof conversationsOf, groupCount: number): Statement {
	return statement(
		`messages.search.${scope}.${groupCount}`,
		`
		select m.conversation_id, m.seq, m.created_at, m.sender_id, m.type, m.content
		from (
			select found.*
			from conversations c cross join lateral (
				select m.conversation_id, m.seq, m.created_at
				from messages m
				where m.conversation_id = c.id and m.created_at >= $3::timestamptz and m.created_at < $4::timestamptz
					and ${scope === "conversation" ? "m.seq < $7::bigint and " : ""}m.created_at <= $5::timestamptz
					and (m.created_at, m.conversation_id, m.seq) < ($5::timestamptz, $6::uuid, $7::bigint)
					and (m.search is null or ${Array.from({ length: groupCount }, (_, i) => hasAll(8 + i * signatureSizes.length)).join(" or ")})
				order by m.seq desc limit $2
			) as found
			where ${conversationsOf[scope]} and c.last_message_at >= $3::timestamptz
			order by found.created_at desc, found.conversation_id desc, found.seq desc limit $2
		) as newest
		join messages m on m.conversation_id = newest.conversation_id and m.seq = newest.seq
		order by m.created_at desc, m.conversation_id desc, m.seq desc`,
	);
}

/** Whether the signature has all bits of the mask of its length; the masks are the parameters from `first` on. */
function hasAll(first: number): string {
	const masks = signatureSizes.map((_, i) => `$${first + i}::varbit`);
	const shorter = signatureSizes.slice(0, -1).map((bits, i) => `when ${bits} then m.search & ${masks[i]} = ${masks[i]}`);
	return `case length(m.search) ${shorter.join(" ")} else m.search & ${masks.at(-1)} = ${masks.at(-1)} end`;
}
