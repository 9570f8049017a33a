import { z } from "zod";
import { Time } from "../../../lib/schemas.ts";
import { type Database, type Statement, statement } from "../../../mixins/database.ts";
import type { Message } from "../messages.contract.ts";
import { border, candidatesStatement, conversationsOf } from "./candidates-statement.ts";
import type { QueryForms } from "./forms.ts";
import type { Query } from "./query.ts";
import { masksOf } from "./signature.ts";

/** A message whose signature has all that is looked for. */
export interface Candidate {
	conversation_id: string;
	seq: number;
	created_at: string;
	sender_id: string;
	type: Message["type"];
	content: string | null;
	/** Those of the query's terms with forms, by number, that the message has as a form in its own language. */
	forms?: number[] | null;
	/** Whether it is newer than all of its conversation that the full-text index has. Only where signatures and index share the work. */
	is_fresh?: boolean;
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

/** Where candidates come from. */
export interface Source {
	/**
	 * Which signatures are compared: those of all messages of each conversation; those of the newest messages of each, some ten
	 * thousands; those of all older ones; those of the newest that the index does not have yet; or none.
	 */
	walk: "all" | "newest" | "older" | "fresh" | "none";
	/** A tsquery: the messages that it finds are candidates too (`add`), or no candidates (`skip`). */
	index?: { query: string; use: "add" | "skip" };
}

/** Candidates that are older than `after`, newest first. */
export function candidates(
	db: Database,
	{ callerId, conversationId }: Scope,
	{ groups, filters, forms }: Query & { forms: QueryForms },
	{ walk, index }: Source,
	after: Position | null,
	limit: number,
): Promise<Candidate[]> {
	const { stems, shared } = forms;
	const scope = conversationId === undefined ? "user" : "conversation";
	const [createdAt, id, seq] = after ?? ["infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff", Number.MAX_SAFE_INTEGER];
	// The index finds the forms of a single word. What has one word as a form and another as a part is left to signatures.
	const isShared = (all: unknown[]) => walk !== "fresh" && (forms.index === null || all.length > 1);
	return db.query<Candidate>(
		candidatesStatement(scope, groups.length, {
			walk,
			use: index?.use ?? null,
			hasForms: stems.length > 0,
			isRare: forms.index?.isRare ?? false,
		}),
		[
			conversationId ?? callerId,
			limit,
			filters.since ?? "-infinity",
			filters.before ?? "infinity",
			...[createdAt, id, seq],
			...(walk === "none"
				? []
				: groups.flatMap((group) => masksOf(group, filters, callerId, isShared(group.all) ? shared : undefined))),
			...(index ? [index.query] : []),
			...(stems.length > 0
				? [stems.map(({ language }) => language), stems.map(({ term }) => term), stems.map(({ query }) => query)]
				: []),
		],
	);
}

/** Whether older messages are left out by a walk over the newest ones of each conversation. */
export async function hasOlder(db: Database, { callerId, conversationId }: Scope): Promise<boolean> {
	const scope = conversationId === undefined ? "user" : "conversation";
	const rows = await db.query(hasOlderStatements[scope], [conversationId ?? callerId]);
	return rows.length > 0;
}

const hasOlderStatements = {
	user: hasOlderStatement("user"),
	conversation: hasOlderStatement("conversation"),
};

function hasOlderStatement(scope: keyof typeof conversationsOf): Statement {
	return statement(
		`search.hasOlder.${scope}`,
		`select from conversations c where ${conversationsOf[scope]} and ${border} > 0 limit 1`,
	);
}
