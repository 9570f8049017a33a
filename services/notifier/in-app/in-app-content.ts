import type { ServiceBroker } from "moleculer";
import { CachedLookup } from "../../../lib/cached-lookup.ts";
import { chunksOf, idsPerCall } from "../../../lib/chunks.ts";
import type { Database } from "../../../mixins/database.ts";
import { type Calls, callsOf, type Result } from "../../contracts.ts";
import type { Level } from "../../conversations/conversations.contract.ts";
import type { Contact } from "../../directory/directory.contract.ts";
import type { Push } from "../../gateway/gateway.contract.ts";
import { maybeConnected, push } from "../../push.ts";
import { askByIds } from "../ask-by-ids.ts";
import { contactsOf, isMuted, keyOf, levelsOf } from "../due/situations.ts";
import { messagesAt, positionKey } from "../messages-at.ts";
import { type ContentShown, type Notice, type NoticeConversation, toNoticeConversation } from "../templates/notice.ts";

/** What decides whether a person gets notifications in the app. */
export interface InAppSettings {
	newMessage: { inApp: boolean };
	quietHours: { enabled: boolean; start: string; end: string; timezone: string };
}

export interface InAppOptions {
	broker: ServiceBroker;
	db: Database;
	/** In milliseconds since 1970. */
	now(): number;
	settingsOf(db: Database, contacts: ReadonlyMap<string, { timezone: string | null }>): Promise<Map<string, InAppSettings>>;
	/** When the quiet hours end, if it is quiet now. */
	quietUntil(quietHours: InAppSettings["quietHours"], nowMs: number): number | null;
	shortOf(notice: Notice, shown: ContentShown): { title: string; body: string };
	shown: ContentShown;
}

/** A message that a person got. */
export interface Told {
	conversationId: string;
	userId: string;
	seq: number;
}

interface Person {
	contact: Contact;
	settings: InAppSettings;
}

/** Somebody to be notified. */
interface Wanted {
	told: Told;
	level: Level;
	person: Person;
}

type Message = Result<"messages.pick">[number];

/** After this time a change of somebody's settings counts here, and after the longer one a new name or title. */
const people = { max: 20_000, ttlMs: 5_000 };
const texts = { max: 20_000, ttlMs: 60_000 };

/** Decides who is notified in the app, and makes what they get. */
export class InAppContent {
	readonly #options: InAppOptions;
	readonly #calls: Calls;
	readonly #people: CachedLookup<Person>;
	readonly #names: CachedLookup<string>;
	readonly #titles: CachedLookup<string>;

	constructor(options: InAppOptions) {
		this.#options = options;
		this.#calls = callsOf(options.broker);
		this.#people = new CachedLookup((ids) => this.#findPeople(ids), people);
		this.#names = new CachedLookup((ids) => askByIds(ids, (some) => this.#calls.call("users.names", { ids: some })), texts);
		this.#titles = new CachedLookup(
			(ids) => askByIds(ids, (some) => this.#calls.call("applications.titles", { ids: some })),
			texts,
		);
	}

	/** The notifications of these messages, without those that are not wanted or not needed any more. */
	async pushesFor(rows: Told[]): Promise<Push[]> {
		if (rows.length === 0) return [];
		const connected = await maybeConnected(this.#options.broker, [...new Set(rows.map(({ userId }) => userId))]);
		const pushes: Push[] = [];
		for (const chunk of chunksOf(
			rows.filter(({ userId }) => connected.has(userId)),
			idsPerCall,
		)) {
			pushes.push(...(await this.#pushesFor(chunk)));
		}
		return pushes;
	}

	async #pushesFor(rows: Told[]): Promise<Push[]> {
		const wanted = await this.#wantedOf(rows);
		if (wanted.length === 0) return [];
		const [messages, names, titles] = await Promise.all([
			this.#messagesOf(wanted),
			this.#names.of(wanted.map(({ level }) => level.otherId)),
			this.#titles.of(wanted.map(({ level }) => level.jobApplicationId)),
		]);
		return wanted.map((one) => {
			const { told, level } = one;
			const message = messages.get(positionKey(told));
			const texts = { senderName: names.get(level.otherId), jobTitle: titles.get(level.jobApplicationId) };
			const at = new Date(this.#options.now()).toISOString();
			const { shown } = this.#options;
			const notice = noticeOf(one, toNoticeConversation({ level, seq: told.seq, at }, { ...texts, message, shown }));
			return push<"notification">(
				{
					kind: "NEW_MESSAGE",
					conversationId: told.conversationId,
					seq: told.seq,
					senderId: level.otherId,
					...this.#options.shortOf(notice, shown),
					count: level.unreadCount,
				},
				{ userId: told.userId, event: "notification" },
			);
		});
	}

	async #wantedOf(rows: Told[]): Promise<Wanted[]> {
		const { now, quietUntil } = this.#options;
		const people = await this.#people.of(rows.map(({ userId }) => userId));
		const open = rows.filter(({ userId }) => {
			const settings = people.get(userId)?.settings;
			return settings?.newMessage.inApp && quietUntil(settings.quietHours, now()) === null;
		});
		if (open.length === 0) return [];
		const levels = await levelsOf(this.#options, open);
		return open.flatMap((told) => {
			const level = levels.get(keyOf(told.conversationId, told.userId));
			const person = people.get(told.userId);
			if (!level || !person || level.unreadCount === 0 || level.readSeq >= told.seq) return [];
			return isMuted(level, now()) ? [] : [{ told, level, person }];
		});
	}

	/** Only where their text is shown. */
	async #messagesOf(wanted: Wanted[]): Promise<Map<string, Message>> {
		if (this.#options.shown !== "full") return new Map();
		return messagesAt(
			this.#calls,
			wanted.map(({ told: { conversationId, seq } }) => ({ conversationId, seq })),
		);
	}

	async #findPeople(ids: string[]): Promise<Map<string, Person>> {
		const contacts = await contactsOf(this.#options, ids);
		const settings = await this.#options.settingsOf(this.#options.db, contacts);
		return new Map(
			[...contacts].flatMap(([userId, contact]) => {
				const chosen = settings.get(userId);
				return chosen ? [[userId, { contact, settings: chosen }] as const] : [];
			}),
		);
	}
}

function noticeOf({ told, person: { contact } }: Wanted, conversation: NoticeConversation): Notice {
	const { locale, timezone } = contact;
	return {
		...{ id: `${told.conversationId}:${told.seq}`, userId: told.userId, locale, timezone, isDigest: false },
		conversations: [conversation],
	};
}
