import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../lib/config.ts";
import { type Limiter, Limits } from "../../middlewares/rate-limit/limits.ts";
import { type RedisServer, startRedis } from "../../testing/redis.ts";
import { until } from "../../testing/until.ts";

const logger = { ...console, info() {}, warn() {}, fatal() {}, debug() {}, trace() {} };

const opened: Limits[] = [];
let folder: string;
let redis: RedisServer;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "parley-limits-"));
	redis = await startRedis(folder);
});

afterAll(async () => {
	for (const limits of opened) limits.close();
	await redis.process.stop();
	rmSync(folder, { recursive: true });
});

/** A node's limit of two a second. */
async function limiterOf(redisUrl?: string): Promise<Limiter> {
	const config = readConfig({
		DATABASE_URL: "postgres://nobody@127.0.0.1/none",
		JWT_SECRET: "the secret of the tests, which is long enough",
		RATE_LIMIT_MESSAGES: "2/second",
		...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
	});
	const limits = new Limits(config, logger);
	opened.push(limits);
	await limits.open();
	return limits.of("messages") as Limiter;
}

/** Takes what may be taken now, and says how many times it could. */
async function takeAll(limiter: Limiter, key: string): Promise<number> {
	for (let count = 0; ; count++) if (!(await limiter.take(key)).allowed) return count;
}

const windowMs = 1_000;

/** What `work` gives in a window of its own: after all that have begun, and done again if it took longer than one. */
async function inNewWindow<Result>(work: () => Promise<Result>): Promise<Result> {
	for (;;) {
		const calledMs = performance.now();
		await until(() => performance.now() > calledMs + windowMs + 20);
		const beginMs = performance.now();
		const result = await work();
		if (performance.now() - beginMs < windowMs - 50) return result;
	}
}

describe.each([
	["in Redis", () => redis.url],
	["in the process", () => undefined],
])("a limit that is counted %s", (_, url) => {
	test("gives one back within its window", async () => {
		const limiter = await limiterOf(url());
		const [quota, rest] = await inNewWindow(async () => {
			const key = randomUUID();
			const taken = await limiter.take(key);
			return [await taken.giveBack(), await takeAll(limiter, key)];
		});
		expect(quota).toMatchObject({ allowed: true, limit: 2, remaining: 2 });
		expect(rest).toBe(2);
	});

	test("allows no more than it should when one is given back after its window", async () => {
		const limiter = await limiterOf(url());
		const key = randomUUID();
		const taken = await limiter.take(key);
		expect(await inNewWindow(async () => [await taken.giveBack(), await takeAll(limiter, key)])).toEqual([
			expect.objectContaining({ allowed: true, remaining: 2 }),
			2,
		]);
	});

	test("gives nothing back into the next window", async () => {
		const limiter = await limiterOf(url());
		const key = randomUUID();
		const taken = await limiter.take(key);
		const take = async () => (await limiter.take(key)).allowed;
		const [allowed, quota, more] = await inNewWindow(async () => [
			[await take(), await take()],
			await taken.giveBack(),
			await take(),
		]);
		expect([allowed, more]).toEqual([[true, true], false]);
		expect(quota).toMatchObject({ remaining: 0 });
	});
});

test("what was counted in Redis is not given back by the process", async () => {
	const own = await startRedis(mkdtempSync(join(folder, "own-")));
	const limiter = await limiterOf(own.url);
	try {
		const shared = await limiter.take("goes");
		await own.process.kill();
		expect(
			await inNewWindow(async () => {
				await shared.giveBack();
				return takeAll(limiter, "goes");
			}),
		).toBe(2);
	} finally {
		await own.process.stop();
	}
});
