import type { ServiceBroker } from "moleculer";
import { CachedLookup } from "../../lib/cached-lookup.ts";
import { chunksOf, idsPerCall } from "../../lib/chunks.ts";
import type { Database } from "../../mixins/database.ts";
import { type Calls, callsOf, type Result } from "../contracts.ts";
import type { Level } from "../conversations/conversations.contract.ts";
import type { Contact } from "../directory/directory.contract.ts";
import type { Push } from "../gateway/gateway.contract.ts";
import { maybeConnected, push } from "../push.ts";
import { messagesAt, positionKey } from "./messages-at.ts";
import type { ContentShown, Notice } from "./notice.ts";

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
	settingsOf(db: Database, contacts: Record<string, { timezone: string | null }>): Promise<Map<string, InAppSettings>>;
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
		this.#names = new CachedLookup(async (ids) => mapOf(await this.#calls.call("users.names", { ids })), texts);
		this.#titles = new CachedLookup(async (ids) => mapOf(await this.#calls.call("applications.titles", { ids })), texts);
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
			const notice = this.#noticeOf(one, message, names.get(level.otherId) ?? "", titles.get(level.jobApplicationId) ?? "");
			return push<"notification">(
				{
					kind: "NEW_MESSAGE",
					conversationId: told.conversationId,
					seq: told.seq,
					senderId: level.otherId,
					...this.#options.shortOf(notice, this.#options.shown),
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
		const pairs = open.map(({ conversationId, userId }) => ({ conversationId, userId }));
		const { levels } = await this.#calls.call("conversations.levels", { pairs });
		const levelOf = new Map(levels.map((level) => [`${level.conversationId} ${level.userId}`, level]));
		return open.flatMap((told) => {
			const level = levelOf.get(`${told.conversationId} ${told.userId}`);
			const person = people.get(told.userId);
			if (!level || !person || level.unreadCount === 0 || level.readSeq >= told.seq) return [];
			const isMuted = level.mutedUntil !== null && Date.parse(level.mutedUntil) > now();
			return isMuted ? [] : [{ told, level, person }];
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

	#noticeOf({ told, level, person }: Wanted, message: Message | undefined, senderName: string, jobTitle: string): Notice {
		return {
			id: `${told.conversationId}:${told.seq}`,
			userId: told.userId,
			locale: person.contact.locale,
			timezone: person.contact.timezone,
			isDigest: false,
			conversations: [
				{
					conversationId: told.conversationId,
					seq: told.seq,
					senderName,
					jobTitle,
					count: level.unreadCount,
					text: message?.content ?? null,
					isImage: message?.type === "IMAGE",
					at: message?.createdAt ?? new Date(this.#options.now()).toISOString(),
				},
			],
		};
	}

	async #findPeople(ids: string[]): Promise<Map<string, Person>> {
		const contacts = await this.#calls.call("users.contacts", { ids });
		const settings = await this.#options.settingsOf(this.#options.db, contacts);
		return new Map(
			[...mapOf(contacts)].flatMap(([userId, contact]) => {
				const chosen = settings.get(userId);
				return chosen ? [[userId, { contact, settings: chosen }] as const] : [];
			}),
		);
	}
}

/** An id may be the name of a property that every object has. */
const mapOf = <Value>(record: Record<string, Value>) => new Map(Object.entries(record));
