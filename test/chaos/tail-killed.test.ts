import { Ground } from "./tail/ground.ts";

jest.setTimeout(180_000);

test("consumers that are killed and cut off at random under load skip no message and work none twice", async () => {
	const ground = await Ground.start(2);
	try {
		const load = await ground.startLoad();
		await ground.consumers.breakAtRandom(20);
		await load.stop();
		await ground.expectAllOnce(load.sent);
	} finally {
		await ground.stop();
	}
});
