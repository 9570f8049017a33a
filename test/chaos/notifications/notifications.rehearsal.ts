import { Ground } from "./ground.ts";

// npm run rehearse:notifications

jest.setTimeout(900_000);

const kills = 200;

/** Claims of killed processes last for a minute, and failed attempts pause. */
const toldWithinMs = 180_000;

let ground: Ground;

beforeAll(async () => {
	ground = await Ground.start(300);
});

afterAll(() => ground?.stop());

test(`notifiers that are killed ${kills} times after a provider's answer miss nobody, and repeat only what was in flight`, async () => {
	const { load, notifiers, restarts } = ground;
	load.start(10);
	const fromMs = performance.now();
	await ground.restarting(notifiers.killOften(kills, 600_000));
	const seconds = Math.round((performance.now() - fromMs) / 1_000);
	await load.stop();
	const stoppedMs = performance.now();
	await ground.expectAllTold(toldWithinMs);
	const allToldAfterSeconds = Math.round((performance.now() - stoppedMs) / 1_000);
	const doubles = ground.expectDoublesExplained();
	const figures = {
		...{ kills: notifiers.kills, restarts, seconds, messages: load.sent, accepted: notifiers.accepted.length },
		...{ missing: 0, doubles, atMost: notifiers.inFlight.size, allToldAfterSeconds },
	};
	process.stdout.write(`\n${JSON.stringify(figures)}\n`);
});
