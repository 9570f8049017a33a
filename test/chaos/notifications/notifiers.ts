import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../../embedded/free-port.ts";
import type { Cluster } from "../../../testing/cluster.ts";
import { parleyProcess } from "../../../testing/parley.ts";
import type { OsProcess } from "../../../testing/processes.ts";
import { until } from "../../../testing/until.ts";
import { query } from "../../support/database.ts";
import { type Accepted, type Providers, startProviders } from "./providers.ts";

/** Of what a provider accepts, how much leads to a kill, until enough were killed. */
const killShare = 0.3;

/** When a process is killed after the provider's answer, so that it is often in the middle of noting it. */
const longestLifeMs = 30;

/** Short, so that much happens. */
const delays = { NOTIFY_DELAY_SECONDS: "1", NOTIFY_IDLE_DELAY_SECONDS: "2", NOTIFY_EMAIL_AFTER_PUSH_SECONDS: "2" };

interface Notifier {
	process: OsProcess;
	providers: Providers;
	/** Accepted of what its present run sent. */
	accepted: Accepted[];
	/** Set while it is dead. */
	dying: Promise<void> | undefined;
}

/** Notifier processes, each with providers of its own, which kill it when they have accepted something. */
export class Notifiers {
	/** In the order of arrival. */
	readonly accepted: Accepted[] = [];
	/** What processes had not noted yet when they were killed, by `keyOf`: it may come twice. */
	readonly inFlight = new Set<string>();
	kills = 0;
	readonly #databaseUrl: string;
	readonly #notifiers = new Map<string, Notifier>();
	#killsLeft = 0;
	/** The first thing that went wrong while a process was killed and started again. */
	#failure: unknown;

	private constructor(databaseUrl: string) {
		this.#databaseUrl = databaseUrl;
	}

	static async start(cluster: Cluster, databaseUrl: string, folder: string, count: number): Promise<Notifiers> {
		const notifiers = new Notifiers(databaseUrl);
		for (let n = 1; n <= count; n++) await notifiers.#add(`notifier-${n}`, cluster, folder);
		return notifiers;
	}

	/** Kills them so often, whenever a provider has just accepted something. */
	async killOften(times: number, timeoutMs: number): Promise<void> {
		this.#killsLeft = times;
		await until(() => this.#failure !== undefined || this.#killsLeft === 0, { timeoutMs, intervalMs: 100 });
		await Promise.all([...this.#notifiers.values()].map(({ dying }) => dying));
		if (this.#failure !== undefined) throw this.#failure;
	}

	/** Kills all of them, and starts them again after `pause`. */
	async restartAll(pause: () => Promise<unknown>): Promise<void> {
		const all = [...this.#notifiers.values()];
		await Promise.all(all.map((notifier) => this.#kill(notifier)));
		await pause();
		await Promise.all(all.map((notifier) => this.#revive(notifier)));
	}

	async stop(): Promise<void> {
		this.#killsLeft = 0;
		for (const { process, providers, dying } of this.#notifiers.values()) {
			await dying;
			await process.stop();
			await providers.stop();
		}
	}

	async #add(name: string, { nats, redis }: Cluster, folder: string): Promise<void> {
		const providers = await startProviders(name, folder, (accepted, answer) => this.#onAccepted(accepted, answer));
		const process = parleyProcess({
			...{ name, folder },
			env: {
				...{ SERVICES: "notifier", METRICS_PORT: String(await freePort()), JWT_SECRET: randomBytes(32).toString("hex") },
				...{ DATABASE_URL: this.#databaseUrl, NATS_URL: nats.url, REDIS_URL: redis.url },
				...delays,
				...providers.env,
			},
			isReady: async ({ pid }) => (await nats.subjectsOf(pid)).length > 0,
		});
		this.#notifiers.set(name, { process, providers, accepted: [], dying: undefined });
		await process.start();
	}

	#onAccepted(accepted: Accepted, answer: () => void): void {
		this.accepted.push(accepted);
		const notifier = this.#notifiers.get(accepted.by);
		if (!notifier) throw new Error(`nobody is ${accepted.by}`);
		notifier.accepted.push(accepted);
		if (notifier.dying) {
			// It had sent this before it was killed.
			this.inFlight.add(keyOf(accepted));
			return;
		}
		if (this.#killsLeft === 0 || Math.random() > killShare) {
			answer();
			return;
		}
		this.#killsLeft--;
		const answersFirst = Math.random() < 0.5;
		if (answersFirst) answer();
		notifier.dying = this.#killAndRevive(notifier, answersFirst ? Math.random() * longestLifeMs : 0)
			.catch((error: unknown) => {
				this.#failure ??= error;
			})
			.finally(() => {
				notifier.dying = undefined;
			});
	}

	async #killAndRevive(notifier: Notifier, lifeMs: number): Promise<void> {
		await delay(lifeMs);
		await this.#kill(notifier);
		await this.#revive(notifier);
	}

	async #kill({ process, accepted }: Notifier): Promise<void> {
		await process.kill();
		this.kills++;
		// PostgreSQL may be restarting.
		const waiting = await until(() => this.#waiting(accepted.map(({ id }) => id)), { timeoutMs: 30_000, intervalMs: 100 });
		for (const one of accepted) if (waiting.has(one.id)) this.inFlight.add(keyOf(one));
	}

	/** Which of these notifications are not noted as sent. */
	async #waiting(ids: string[]): Promise<Set<string>> {
		const rows = await query<{ id: string }>(this.#databaseUrl, waitingSql, [ids]);
		return new Set(rows.map(({ id }) => id));
	}

	/** As Kubernetes does: a process that cannot start, because a server is away, is started again. */
	async #revive(notifier: Notifier): Promise<void> {
		notifier.accepted = [];
		for (const endMs = Date.now() + 60_000; ; ) {
			try {
				await notifier.process.start();
				return;
			} catch (error) {
				if (Date.now() > endMs) throw error;
			}
		}
	}
}

/** One message that one device or address is told of. */
export const keyOf = ({ to, text }: Pick<Accepted, "to" | "text">) => `${to} ${text}`;

const waitingSql = "select id from notifications where id = any ($1::uuid[]) and state = 'WAITING'";
