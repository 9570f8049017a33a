import { startServer } from "../support/server.ts";
import { describeAuthorization } from "./core/authorization.ts";
import { describeConversations } from "./core/conversations.ts";
import { describeErrors } from "./core/errors.ts";
import { describeMessages } from "./core/messages.ts";
import { describeProperties } from "./core/properties.ts";
import { describeSockets } from "./core/sockets.ts";

jest.setTimeout(30_000);

describe("Parley in one process", () => {
	let server: Awaited<ReturnType<typeof startServer>>;

	beforeAll(async () => {
		server = await startServer();
	}, 120_000);

	afterAll(async () => {
		await server.stop();
	}, 30_000);

	describeConversations(() => server);
	describeMessages(() => server);
	describeSockets(() => server);
	describeAuthorization(() => server);
	describeErrors(() => server);
	describeProperties(() => server);
});
