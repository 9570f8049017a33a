import { Ground } from "./notifications/ground.ts";

jest.setTimeout(180_000);

test("notifiers that are killed between a provider's answer and its note miss nobody, and repeat only what was in flight", async () => {
	const ground = await Ground.start(40);
	try {
		const { load, notifiers } = ground;
		load.start(10);
		await notifiers.killOften(8, 90_000);
		await load.stop();
		await notifiers.restartAll(() => ground.endClaims());
		await ground.expectAllTold(60_000);
		ground.expectDoublesExplained();
	} finally {
		await ground.stop();
	}
});
