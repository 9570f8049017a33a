import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { OsProcess } from "../../../testing/processes.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

export const consumerName = "killed";

/** A process with the consumer, and its way to PostgreSQL. */
interface Consumer {
	process: OsProcess;
	proxy: TcpProxy;
}

export type Fault = "kill" | "reset" | "blackHole";

/** Processes that share one consumer. */
export class Consumers {
	readonly #consumers: Consumer[];

	private constructor(consumers: Consumer[]) {
		this.#consumers = consumers;
	}

	static async start(databaseUrl: string, folder: string, count: number): Promise<Consumers> {
		const consumers: Consumer[] = [];
		for (let n = 0; n < count; n++) {
			const proxy = await TcpProxy.before(databaseUrl);
			const process = consumerProcess(`consumer-${n}`, folder, proxy.url);
			consumers.push({ process, proxy });
			await process.start();
		}
		return new Consumers(consumers);
	}

	/** Breaks so many of them, one after the other, in random ways at random times. Says how often it did what. */
	async breakAtRandom(times: number): Promise<Record<Fault, number>> {
		const done: Record<Fault, number> = { kill: 0, reset: 0, blackHole: 0 };
		for (let n = 0; n < times; n++) {
			await delay(Math.random() * 300);
			const consumer = this.#consumers[Math.floor(Math.random() * this.#consumers.length)] as Consumer;
			const fault = randomFault();
			await breakOne(consumer, fault);
			done[fault]++;
		}
		return done;
	}

	async stop(): Promise<void> {
		for (const { process, proxy } of this.#consumers) {
			await process.kill();
			await proxy.close();
		}
	}
}

function randomFault(): Fault {
	const random = Math.random();
	if (random < 0.6) return "kill";
	return random < 0.8 ? "reset" : "blackHole";
}

async function breakOne({ process, proxy }: Consumer, fault: Fault): Promise<void> {
	switch (fault) {
		case "kill":
			await process.kill();
			await process.start();
			break;
		case "reset":
			proxy.reset();
			break;
		case "blackHole":
			// Of the connections that are open. New ones work.
			proxy.blackHole();
			proxy.pass();
	}
}

function consumerProcess(name: string, folder: string, databaseUrl: string): OsProcess {
	return new OsProcess({
		name,
		file: process.execPath,
		args: [join(__dirname, "consumer.ts")],
		env: { PATH: process.env.PATH, DATABASE_URL: databaseUrl, CONSUMER: consumerName },
		logFile: join(folder, `${name}.log`),
		isReady: async (running) => running.logs().includes(`Process ${running.pid} has started`),
	});
}
