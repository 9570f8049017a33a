import { setTimeout as delay } from "node:timers/promises";
import { holding } from "../../support/database.ts";
import { Ground } from "./ground.ts";

// npm run rehearse:tail

jest.setTimeout(600_000);

const heldSeconds = 60;

let ground: Ground;

beforeAll(async () => {
	ground = await Ground.start(3);
});

afterAll(() => ground.stop());

const report = (figures: Record<string, unknown>) => void process.stdout.write(`\n${JSON.stringify(figures)}\n`);

let sentBefore = 0;

test("200 faults at random times under load: no message is skipped, none is worked twice", async () => {
	const load = await ground.startLoad();
	const fromMs = performance.now();
	const faults = await ground.consumers.breakAtRandom(200);
	const seconds = Math.round((performance.now() - fromMs) / 1_000);
	await load.stop();
	const { caughtUpMs } = await ground.expectAllOnce(load.sent);
	sentBefore = load.sent;
	const effectsCutOff = await ground.effectsCutOff();
	// Otherwise the faults came between the batches, and this shows nothing.
	expect(effectsCutOff).toBeGreaterThan(0);
	report({ faults, seconds, messages: load.sent, effectsCutOff, caughtUpMs, slowestSendMs: load.slowestSendMs });
});

test("a transaction that is open for a minute: the lag grows and recovers, and sends do not wait", async () => {
	const load = await ground.startLoad();
	const held = { seconds: 0, rows: 0 };
	await holding(ground.database.url, "select pg_current_xact_id()", [], async () => {
		await delay(heldSeconds * 1_000);
		Object.assign(held, await ground.lag());
	});
	await load.stop();
	// Nothing that was stored while it was open could be worked.
	expect(held.seconds).toBeGreaterThan(heldSeconds * 0.9);
	expect(held.rows).toBeGreaterThan(0);
	const { caughtUpMs } = await ground.expectAllOnce(sentBefore + load.sent);
	expect(await ground.lag()).toEqual({ rows: 0, seconds: 0 });
	report({ held, messages: load.sent, caughtUpMs, slowestSendMs: load.slowestSendMs });
});
