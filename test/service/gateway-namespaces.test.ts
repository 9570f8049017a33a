import { io, type Socket } from "socket.io-client";
import { tokenOf } from "../support/broker.ts";
import { connect, disconnect, urlOf } from "../support/gateway.ts";
import { openConversation } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

let token: string;

const node = useNode();

beforeAll(async () => {
	token = await tokenOf((await openConversation(node.calls)).applicantId);
});

/** What becomes of a connection to a namespace: `connected`, or the code of the refusal. */
async function outcomeOf(namespace: string, auth: object): Promise<string> {
	const socket: Socket = io(urlOf(node) + namespace, { transports: ["websocket"], forceNew: true, reconnection: false, auth });
	try {
		return await new Promise((resolve) => {
			socket.on("connect", () => resolve("connected"));
			socket.on("connect_error", (error: Error & { data?: { code: string } }) => resolve(error.data?.code ?? error.message));
		});
	} finally {
		socket.close();
	}
}

test.each([
	["no token", () => ({})],
	["a token", () => ({ token })],
])("the namespace / refuses everybody, with %s", async (_, auth) => {
	expect(await outcomeOf("/", auth())).toBe("NOT_FOUND");
});

test("there is no namespace but /messaging", async () => {
	expect(await outcomeOf("/messaging", { token })).toBe("connected");
	expect(await outcomeOf("/other", { token })).toBe("Invalid namespace");
});

test.each(["$node.options", "$node.services", "$node.actions", "$node.list", "$node.health", "$node.metrics"])(
	"%s answers nobody from outside",
	async (action) => {
		const socket = await connect(node, token);
		const [error, result] = await new Promise<unknown[]>((resolve) =>
			socket.emit("call", action, {}, (...answer: unknown[]) => resolve(answer)),
		);
		expect([error, result]).toMatchObject([{ code: "NOT_FOUND" }, undefined]);
		await disconnect(node, socket);
		for (const path of [`/${action}`, `/${action.replace(".", "/")}`, `/~node/${action.slice(6)}`, `/api/${action}`]) {
			const response = await fetch(urlOf(node) + path, { headers: { authorization: `Bearer ${token}` } });
			expect(response.status).toBe(404);
		}
	},
);
