import { type Statement, statement } from "../../../mixins/database.ts";
import type { Source } from "./candidates.ts";
import { signatureSizes } from "./signature.ts";

export const conversationsOf = {
	user: "(c.user1_id = $1 or c.user2_id = $1)",
	conversation: "c.id = $1::uuid",
};

/** Signatures of so many messages are compared in some 10 ms. In whole blocks, so that a few new messages do not move the border. */
const blockSize = 16_384;
export const border = `(c.last_seq / ${blockSize} - 1) * ${blockSize}`;

const walks: Record<Source["walk"], string> = {
	all: "",
	newest: `and m.seq > ${border}`,
	older: `and m.seq <= ${border}`,
	fresh: `and m.seq > case when $isEnough then greatest(${border}, i.last_seq) else 0 end`,
	none: "",
};

/**
 * A word that is not rare has enough matches among the newest messages, and the index would bring all of them. So the rows of the newest
 * are looked at first, as many as this: of all conversations together, and then of each. In a short conversation that is all of it.
 */
const windowSizes = { all: 1_024, user: 4_096, conversation: 8_192 };

interface Variant {
	walk: Source["walk"];
	use: "add" | "skip" | null;
	hasForms: boolean;
	/** Each match has a word that is rare in all conversations. */
	isRare: boolean;
}

/**
 * For one conversation after the other, its newest candidates, no more than the limit; messages of other conversations are never
 * looked at. Only what comes out as the newest of all is fetched from the table.
 *
 * - The walk reads nothing but the index `messages_pkey`, which carries the signatures. A message without one is a candidate.
 * - With a tsquery, the rows of the newest messages are compared with it one by one (`ts_match_vq` is `@@` without an index). Where
 *   these are not enough, the full-text index is read. It has the conversation as a text, so that the primary key cannot take its
 *   place: how frequent a word is in one conversation PostgreSQL does not know.
 * - For a rare word, the index is read at once, except in long conversations, where it may not be rare: rows lie all over the table,
 *   and what takes the time is to fetch them.
 *
 * Erased content is no candidate, nor is a message without content unless it is an image (search.ts).
 */
export function candidatesStatement(
	scope: keyof typeof conversationsOf,
	groupCount: number,
	{ walk, use, hasForms, isRare }: Variant = { walk: "all", use: null, hasForms: false, isRare: false },
): Statement {
	const firstMask = 8;
	const query = firstMask + (walk === "none" ? 0 : groupCount * signatureSizes.length);
	const stems = query + (use === null ? 0 : 1);
	const tsquery = `$${query}::tsquery`;
	const window = windowSizes[scope];
	const beforeCursor = (table: string) => (scope === "conversation" ? `and ${table}.seq < $7::bigint` : "");
	const tellsFresh = walk === "fresh" || (walk === "newest" && use === "skip");
	const columns = `m.conversation_id, m.seq, m.created_at${tellsFresh ? ", m.seq > i.last_seq as is_fresh" : ""}`;
	const inRange = `m.created_at >= $3::timestamptz and m.created_at < $4::timestamptz
					${beforeCursor("m")} and m.created_at <= $5::timestamptz
					and (m.created_at, m.conversation_id, m.seq) < ($5::timestamptz, $6::uuid, $7::bigint)`;
	const indexHits = (rows: string, condition: string) => `
					select ${columns}
					from ${rows} s join messages m on m.conversation_id = s.conversation_id and m.seq = s.seq
					where ${condition} and ${inRange}
					order by s.seq desc limit $2`;
	const hasRecent = use === "add" && scope === "user" && !isRare;
	const unlessRecent = hasRecent ? "and (select count(*) from recent) < $2" : "";
	const isLong = `(c.last_seq > ${window})`;
	// Only what the index does not have yet is left to signatures.
	const isEnough = hasRecent ? `${isLong} or (select count(*) from recent) >= $2` : isLong;
	const tooFew = "(select count(*) from newest) < $2";
	const found = [
		...(walk === "none"
			? []
			: [
					`(select ${columns}
				from messages m
				where m.conversation_id = c.id and ${inRange} ${walks[walk].replace("$isEnough", isEnough)}
					and (m.search is null or ${Array.from({ length: groupCount }, (_, i) => hasAll(firstMask + i * signatureSizes.length)).join(" or ")})
					${use === "skip" ? `and not exists (${indexed("", `and s.search_text @@ ${tsquery}`)})` : ""}
					${walk === "fresh" ? `and coalesce((${indexed(`ts_match_vq(s.search_text, ${tsquery})`, "")}), m.seq > i.last_seq)` : ""}
				order by m.seq desc limit $2)`,
				]),
		...(use === "add"
			? [
					`(with newest as materialized (
					${indexHits(
						`(
						select s.conversation_id, s.seq, s.search_text from message_search s
						where s.conversation_id = c.id ${beforeCursor("s")} order by s.seq desc limit ${window}
					)`,
						`ts_match_vq(s.search_text, ${tsquery}) ${isRare || walk === "fresh" ? `and ${isLong}` : ""} ${unlessRecent}`,
					)}
				)
				select * from newest
				union
				(${indexHits(
					"message_search",
					`s.conversation_id::text = c.id::text and s.search_text @@ ${tsquery} ${beforeCursor("s")}
					and ${isRare && walk !== "fresh" ? `(not ${isLong} or ${tooFew})` : `${isLong} and ${tooFew}`} ${unlessRecent}`,
				)}))`,
				]
			: []),
	];
	const recent = `with recent as materialized (
			select newest.*
			from (
				select m.*
				from conversations c ${tellsFresh ? lastIndexed : ""} cross join lateral (
					select ${columns} from messages m
					where m.conversation_id = c.id and ${inRange}
					order by m.seq desc limit ${windowSizes.all}
				) as m
				where ${conversationsOf[scope]}
				order by m.created_at desc, m.conversation_id desc, m.seq desc limit ${windowSizes.all}
			) as newest
			join message_search s on s.conversation_id = newest.conversation_id and s.seq = newest.seq
			where ts_match_vq(s.search_text, ${tsquery})
		)`;
	return statement(
		`messages.search.${scope}.${walk}.${use}.${hasForms ? "forms" : "plain"}.${isRare ? "rare" : "any"}.${groupCount}`,
		`
		${hasRecent ? recent : ""}
		select m.conversation_id, m.seq, m.created_at, m.sender_id, m.type, m.content ${tellsFresh ? ", found.is_fresh" : ""} ${hasForms ? `, ${formsOf(stems)}` : ""}
		from (
			${hasRecent ? "select * from recent union" : ""}
			select found.*
			from conversations c ${tellsFresh ? lastIndexed : ""} cross join lateral (
				${found.join(" union ")}
			) as found
			where ${conversationsOf[scope]} and c.last_message_at >= $3::timestamptz
			order by created_at desc, conversation_id desc, seq desc limit $2
		) as found
		join messages m on m.conversation_id = found.conversation_id and m.seq = found.seq
		order by m.created_at desc, m.conversation_id desc, m.seq desc`,
	);
}

/** Up to where the full-text index has a conversation. It is filled in the order of the messages. */
const lastIndexed = `cross join lateral (
				select coalesce((
					select s.seq from message_search s where s.conversation_id = c.id order by s.seq desc limit 1
				), 0) as last_seq
			) as i`;

/** The full-text row of a message. */
const indexed = (columns: string, condition: string) => `
						select ${columns} from message_search s
						where s.conversation_id = m.conversation_id and s.seq = m.seq ${condition}`;

function formsOf(first: number): string {
	return `(
			select array_agg(a.term)
			from message_search s
			join unnest($${first}::text[], $${first + 1}::int[], $${first + 2}::tsquery[]) as a (language, term, query)
				on a.language = s.language and s.search_text @@ a.query
			where s.conversation_id = m.conversation_id and s.seq = m.seq
		) as forms`;
}

/** Whether the signature has all bits of the mask of its length; the masks are the parameters from `first` on. */
function hasAll(first: number): string {
	const masks = signatureSizes.map((_, i) => `$${first + i}::varbit`);
	const shorter = signatureSizes.slice(0, -1).map((bits, i) => `when ${bits} then m.search & ${masks[i]} = ${masks[i]}`);
	return `case length(m.search) ${shorter.join(" ")} else m.search & ${masks.at(-1)} = ${masks.at(-1)} end`;
}
