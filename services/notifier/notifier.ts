import { setTimeout as delay } from "node:timers/promises";
import { Coalescer } from "../../lib/coalescer.ts";
import { every, type Repeated } from "../../lib/every.ts";
import { timeOf } from "../../lib/time-of.ts";
import { TailReader } from "../../mixins/tail-reader.ts";
import { callsOf } from "../contracts.ts";
import { Counters } from "./counters.ts";
import { Deliveries } from "./deliveries/deliveries.ts";
import { type ChannelName, lookAtSent } from "./deliveries/notifications.ts";
import { deleteOld } from "./deliveries/retention.ts";
import { decideDue } from "./due/decide-due.ts";
import { noteUnread } from "./due/note-unread.ts";
import { createRecipientsOf } from "./due/recipients.ts";
import { forgetErased } from "./forget.ts";
import { InApp } from "./in-app/in-app.ts";
import type { NotifierContext } from "./notifier-context.ts";
import { quietUntil } from "./settings/quiet-hours.ts";
import { settingsOf } from "./settings/settings.ts";
import { shortOf } from "./templates/short.ts";

/** How often it looks for people whose time has come, and for notifications that are due. */
const lookIntervalMs = 1_000;

/** The shortest time between two looks at what devices show, after somebody has read. */
const readIntervalMs = 1_000;

/** How often old rows and those of erased people are deleted. */
const keepIntervalMs = 60 * 60_000;

/** How long a shutdown waits for attempts to end, and then for the notes of those that it broke off. */
const [lastAttemptsMs, lastNotesMs] = [4_000, 2_000];

/**
 * What the notifier does without being called: behind the message path and on timers. Several nodes may run it: rows are claimed, so
 * each is worked by one of them.
 */
export class Notifier {
	readonly #context: NotifierContext;
	readonly #tail: TailReader<"messages">;
	readonly #deliveries: Map<ChannelName, Deliveries>;
	readonly #inApp: InApp;
	readonly #readings: Coalescer<{ userId: string; conversationId: string }>;
	#repeated: Repeated[] = [];

	constructor(context: NotifierContext) {
		this.#context = context;
		const { broker, db, logger, delays, now, shown } = context;
		const inApp = new InApp({ broker, db, now, shown, settingsOf, quietUntil, shortOf });
		this.#inApp = inApp;
		this.#readings = new Coalescer(async (read) => {
			try {
				await lookAtSent(db, read, timeOf(now()));
			} catch (error) {
				logger.warn("What devices show of conversations that were read is taken away later:", error);
			}
		}, readIntervalMs);
		const recipientsOf = createRecipientsOf(broker);
		this.#tail = new TailReader(db, logger, {
			...{ name: "notifications", source: "messages", from: "now", metrics: broker.metrics },
			// It writes one row for each conversation with news, however many messages there are.
			maxRows: 2_000,
			async work(rows, transaction) {
				const news = await noteUnread(rows, transaction, recipientsOf, { delayMs: delays.delayMs, nowMs: context.now() });
				inApp.told(news.map(({ conversationId, userId, lastSeq }) => ({ conversationId, userId, seq: lastSeq })));
			},
		});
		const counters = new Counters(broker.metrics);
		const channels: ChannelName[] = [
			...(Object.keys(context.push) as ChannelName[]),
			...(context.mail ? (["email"] as const) : []),
		];
		this.#deliveries = new Map(channels.map((channel) => [channel, new Deliveries(context, channel, counters)]));
	}

	start(): void {
		const { logger, db, broker } = this.#context;
		const repeat = (intervalMs: number, what: string, work: (signal: AbortSignal) => Promise<void>) =>
			every(intervalMs, work, (error) => logger.warn(`${what} failed and runs again:`, error));
		const sending = [...this.#deliveries].map(([channel, deliveries]) =>
			repeat(lookIntervalMs, `Sending by ${channel}`, (signal) => deliveries.sendDue(signal)),
		);
		const deciding = repeat(lookIntervalMs, "Looking for people to notify", async (signal) => {
			while (!signal.aborted && (await decideDue(this.#context)) > 0) for (const one of sending) one.now();
		});
		const keeping = repeat(keepIntervalMs, "Deleting old notifications", async (signal) => {
			await deleteOld(db, this.#context.now(), signal);
			await db.exclusively("notifier.forgetErased", () => forgetErased(db, callsOf(broker), signal));
		});
		this.#repeated = [deciding, ...sending, keeping];
		this.#tail.start();
	}

	/** There may be new messages. */
	lookNow(): void {
		this.#tail.lookNow();
	}

	/** A person has read in a conversation: what their other devices show of it is taken away. */
	read(userId: string, conversationId: string): void {
		this.#inApp.read(userId, conversationId);
		this.#readings.set(`${conversationId} ${userId}`, { userId, conversationId });
	}

	/**
	 * Resolves when nothing of it runs any more. Attempts that are under way may end first, but a provider that does not answer does
	 * not hold up the shutdown: then its attempt is broken off, and another node repeats it.
	 */
	async stop(): Promise<void> {
		const { push, mail } = this.#context;
		const ended = this.#end();
		await atMost(lastAttemptsMs, ended);
		await atMost(
			lastNotesMs,
			Promise.all([...Object.values(push), mail].map((channel) => channel?.close())).then(() => ended),
		);
		for (const deliveries of this.#deliveries.values()) deliveries.stopRetrying();
	}

	async #end(): Promise<void> {
		await Promise.all([this.#tail.stop(), ...this.#repeated.map((one) => one.stop())]);
		await Promise.all([...this.#deliveries.values()].map((deliveries) => deliveries.drain()));
		await Promise.all([this.#inApp.stop(), this.#readings.drain()]);
	}
}

/** Resolves when `work` has ended, or after this time. */
async function atMost(timeMs: number, work: Promise<unknown>): Promise<void> {
	const timer = new AbortController();
	try {
		await Promise.race([work, delay(timeMs, undefined, { signal: timer.signal })]);
	} finally {
		timer.abort();
	}
}
