import { query } from "../support/database.ts";
import type { Crowd, Person } from "./crowd.ts";

/** What a look into the database and into every client found. */
export interface Verdict {
	/** Acknowledged and not stored, or stored and not shown to one of the two. */
	lost: number;
	/** Stored under two seqs, or shown twice. */
	duplicated: number;
	/** Everything that is not as promised, these included, in words. */
	problems: string[];
}

interface Row {
	conversationId: string;
	seq: number;
	id: string;
	clientId: string;
}

/** Compares what people were told with what is stored: to be called when nothing is on its way any more. */
export async function verify(databaseUrl: string, crowd: Crowd): Promise<Verdict> {
	const found = new Findings();
	const rows = await query<Row>(
		databaseUrl,
		`select conversation_id as "conversationId", seq::int, id, client_id as "clientId"
		from messages where conversation_id = any ($1::uuid[]) order by conversation_id, seq`,
		[crowd.people.map(({ conversationId }) => conversationId)],
	);
	checkStored(found, crowd, rows);
	const histories = Map.groupBy(rows, ({ conversationId }) => conversationId);
	for (const [conversationId, history] of histories) {
		const odd = history.find(({ seq }, index) => seq !== index + 1);
		found.unless(!odd, `the seqs of ${conversationId} are not 1 … ${history.length}: there is a gap before ${odd?.seq}`);
	}
	for (const person of crowd.people) checkShown(found, person, histories.get(person.conversationId) ?? []);
	await checkUnread(found, databaseUrl, crowd.people);
	for (const failure of crowd.failures) found.problem(failure);
	return found;
}

function checkStored(found: Findings, { sent }: Crowd, rows: Row[]): void {
	const byClientId = Map.groupBy(rows, ({ clientId }) => clientId);
	for (const { clientId, acknowledged } of sent) {
		const stored = byClientId.get(clientId) ?? [];
		found.duplicates(stored.length - 1, `${clientId} is stored ${stored.length} times`);
		if (!acknowledged) found.problem(`${clientId} was never acknowledged`);
		else if (stored.length === 0) found.losses(1, `${clientId} was acknowledged and is not stored`);
		else found.unless(stored[0]?.seq === acknowledged.seq, `${clientId} was acknowledged with another seq than the stored one`);
	}
}

function checkShown(found: Findings, { id, seen }: Person, history: Row[]): void {
	const shown = new Set(seen.map((message) => message.id));
	found.losses(history.filter((row) => !shown.has(row.id)).length, `${id} was not shown all of ${history.length} messages`);
	found.duplicates(seen.length - shown.size, `${id} was shown messages twice`);
	const late = seen.find(({ seq }, index) => seq < (seen[index - 1]?.seq ?? 0));
	found.unless(!late, `${id} was shown ${late?.seq} after a later message`);
}

/** Counted the slow way, from the rows. */
async function checkUnread(found: Findings, databaseUrl: string, people: Person[]): Promise<void> {
	const rows = await query<{ userId: string; count: number }>(
		databaseUrl,
		`select p.user_id as "userId", count(m.seq)::int as count
		from participants p
		left join messages m on m.conversation_id = p.conversation_id and m.seq > p.read_seq and m.sender_id <> p.user_id
		where p.user_id = any ($1::text[]) group by p.user_id`,
		[people.map(({ id }) => id)],
	);
	const unread = new Map(rows.map(({ userId, count }) => [userId, count]));
	await Promise.all(
		people.map(async ({ id, conversationId, chat }) => {
			const [here, total] = await Promise.all([chat.rest.countUnreadIn(conversationId), chat.rest.countUnread()]);
			const right = unread.get(id);
			found.unless(here.count === right && total.count === right, `${id}: ${here.count}/${total.count} unread, by rows ${right}`);
		}),
	);
}

class Findings implements Verdict {
	lost = 0;
	duplicated = 0;
	readonly problems: string[] = [];

	problem(text: string): void {
		this.problems.push(text);
	}

	unless(holds: boolean, text: string): void {
		if (!holds) this.problem(text);
	}

	losses(count: number, text: string): void {
		this.lost += count;
		this.unless(count === 0, text);
	}

	duplicates(count: number, text: string): void {
		if (count <= 0) return;
		this.duplicated += count;
		this.problem(text);
	}
}
