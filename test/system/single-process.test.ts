import { startServer } from "../support/server.ts";
import { describeCore } from "./core/index.ts";

jest.setTimeout(30_000);

describe("Parley in one process", () => {
	let server: Awaited<ReturnType<typeof startServer>>;

	beforeAll(async () => {
		server = await startServer();
	}, 120_000);

	afterAll(async () => {
		await server.stop();
	}, 30_000);

	describeCore(() => server);
});
