import { Database } from "../../mixins/database.ts";
import type { NewMessage } from "../../mixins/tail-reader.ts";
import type { Device, Mail, MailChannel, Outcome, PushChannel, PushContent } from "../../services/notifier/channels/channel.ts";
import { Counters } from "../../services/notifier/counters.ts";
import { Deliveries } from "../../services/notifier/deliveries/deliveries.ts";
import type { ChannelName } from "../../services/notifier/deliveries/notifications.ts";
import { decideDue } from "../../services/notifier/due/decide-due.ts";
import { noteUnread } from "../../services/notifier/due/note-unread.ts";
import { createRecipientsOf } from "../../services/notifier/due/recipients.ts";
import type { NotifierContext } from "../../services/notifier/notifier-context.ts";
import type { TestNode } from "./broker.ts";

/** Something that a channel was given. */
export type Given = { channel: "email"; mail: Mail } | { channel: Device["kind"]; device: Device; content: PushContent };

/**
 * The notifier's own work on a node's database, step by step and with a clock that the test sets. Its channels record what they are
 * given, and answer with what `answer` says; channels themselves are tested with real servers (push-*.test.ts, notifier-mails.test.ts).
 */
export class SteppedNotifier {
	readonly given: Given[] = [];
	/** What providers answer. */
	answer: (given: Given) => Outcome | Promise<Outcome> = () => ({ kind: "accepted" });
	nowMs = Date.now();
	readonly context: NotifierContext;
	readonly #deliveries: Deliveries[];
	readonly #recipientsOf;

	constructor(node: TestNode, databaseUrl: string, changed: Partial<NotifierContext> = {}) {
		const give = async (given: Given) => {
			this.given.push(given);
			return this.answer(given);
		};
		const pushChannel = (channel: Device["kind"]): PushChannel => ({
			send: (device, content) => give({ channel, device, content }),
			close: async () => {},
		});
		const mail: MailChannel = { send: (_, content) => give({ channel: "email", mail: content }), close: async () => {} };
		this.context = {
			...{ broker: node.broker, logger: node.broker.logger, db: new Database(databaseUrl, () => {}) },
			now: () => this.nowMs,
			delays: { delayMs: 30_000, idleDelayMs: 300_000, emailAfterPushMs: 900_000 },
			...{ shown: "full", appUrl: "https://app.example.org", mailFrom: "Parley <no-reply@example.org>" },
			push: { webpush: pushChannel("webpush"), apns: pushChannel("apns"), fcm: pushChannel("fcm") },
			mail,
			...changed,
		};
		const channels = [...Object.keys(this.context.push), ...(this.context.mail ? ["email"] : [])] as ChannelName[];
		const counters = new Counters(node.broker.metrics);
		this.#deliveries = channels.map((channel) => new Deliveries(this.context, channel, counters));
		this.#recipientsOf = createRecipientsOf(node.broker);
	}

	/** What the tail reader does with new messages. */
	async note(...rows: NewMessage[]): Promise<void> {
		const { db, delays } = this.context;
		await db.transaction(async (transaction) => {
			await noteUnread(rows, transaction, this.#recipientsOf, { delayMs: delays.delayMs, nowMs: this.nowMs });
		});
	}

	/** Does all that is due now. Returns what channels were given meanwhile. */
	async work(): Promise<Given[]> {
		const before = this.given.length;
		const { signal } = new AbortController();
		for (;;) {
			const decided = await decideDue(this.context);
			const given = this.given.length;
			for (const deliveries of this.#deliveries) {
				await deliveries.sendDue(signal);
				await deliveries.drain();
			}
			if (decided === 0 && this.given.length === given) return this.given.slice(before);
		}
	}

	/** Lets time pass, second by second as the sweeps do, or in larger steps. Returns what channels were given. */
	async pass(seconds: number, stepSeconds = seconds): Promise<Given[]> {
		const before = this.given.length;
		for (let passed = 0; passed < seconds; passed += stepSeconds) {
			this.nowMs += stepSeconds * 1_000;
			await this.work();
		}
		return this.given.slice(before);
	}

	close(): Promise<void> {
		return this.context.db.close();
	}
}
