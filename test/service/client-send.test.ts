import { ChatClient } from "../../client/chat.ts";
import { RestClient } from "../../client/rest.ts";
import type { Message } from "../../client/types.ts";
import { ParleyError } from "../../lib/errors.ts";
import { until } from "../../testing/until.ts";
import { tokenOf } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { type FaultySends, faultyMessages } from "../support/faulty-messages.ts";
import { urlOf } from "../support/gateway.ts";
import { type Conversing, openConversation } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";
import { Cable, closeCables } from "../system/core/cable.ts";

const resendDelayMs = 20;

let conversing: Conversing;
let cable: Cable;
let chat: ChatClient;
let rest: RestClient;
const faults: FaultySends = {};

const node = useNode({
	services: ["conversations", "directory", "gateway", "presence"],
	others: [faultyMessages(faults)],
	env: { RATE_LIMIT_MESSAGES: "30/minute" },
});

beforeEach(async () => {
	conversing = await openConversation(node.calls);
	cable = await Cable.to(urlOf(node));
	const options = { baseUrl: cable.url, token: await tokenOf(conversing.applicantId) };
	chat = new ChatClient({ ...options, reconnectDelayMs: 20, resendDelayMs, ackTimeoutMs: 500 });
	rest = new RestClient(options);
	await chat.connect();
});

afterEach(async () => {
	Object.assign(faults, { before: undefined, afterCommit: undefined });
	chat.close();
	closeCables();
});

/** Throws UNAVAILABLE the first `times` times. */
function unavailable(times: number): () => void {
	let left = times;
	return () => {
		if (left-- > 0) throw new ParleyError("UNAVAILABLE");
	};
}

function write(content: string): Promise<Message> {
	return chat.send(conversing.conversationId, { content });
}

/** The contents, in seq order. */
async function stored(): Promise<string[]> {
	const sql = "select content from messages where conversation_id = $1 order by seq";
	return (await query<{ content: string }>(node.databaseUrl, sql, [conversing.conversationId])).map(({ content }) => content);
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => `message ${index + 1}`);

describe("ChatClient.send", () => {
	test("resolves with the one stored message when UNAVAILABLE is answered after COMMIT", async () => {
		faults.afterCommit = unavailable(3);
		expect(await write("hello")).toMatchObject({ seq: 1, content: "hello" });
		expect(await stored()).toEqual(["hello"]);
	});

	test("resolves with the one stored message when its acknowledgement is lost and the connection lives", async () => {
		cable.losesPushes = true;
		const sent = write("hello");
		await until(async () => (await stored()).length === 1);
		cable.losesPushes = false;
		expect(await sent).toMatchObject({ seq: 1, content: "hello" });
		expect(await stored()).toEqual(["hello"]);
	});

	test("resolves with the one stored message when the connection breaks after COMMIT", async () => {
		faults.afterCommit = () => {
			faults.afterCommit = undefined;
			cable.cut();
		};
		expect(await write("hello")).toMatchObject({ seq: 1, content: "hello" });
		expect(await stored()).toEqual(["hello"]);
	});

	test("keeps the order of a conversation, also of what is sent while the messages before are tried again", async () => {
		const contents = upTo(20);
		let refused = 0;
		faults.before = () => {
			refused++;
			throw new ParleyError("UNAVAILABLE");
		};
		const sent = contents.slice(0, 10).map(write);
		await until(() => refused > 10);
		sent.push(...contents.slice(10).map(write));
		faults.before = undefined;
		expect((await Promise.all(sent)).map(({ seq, content }) => `${seq} ${content}`)).toEqual(
			contents.map((content, index) => `${index + 1} ${content}`),
		);
		expect(await stored()).toEqual(contents);
	});

	test("stores a pipeline in order and once, whichever of its answers get lost", async () => {
		let answers = 0;
		faults.afterCommit = () => {
			if (answers++ % 3 === 0) throw new ParleyError("UNAVAILABLE");
		};
		const contents = upTo(20);
		await Promise.all(contents.map(write));
		expect(await stored()).toEqual(contents);
	});

	test("waits for no acknowledgement while all goes well", async () => {
		let underWay = 0;
		let most = 0;
		faults.before = async () => {
			most = Math.max(most, ++underWay);
			await until(() => most === 20);
		};
		await Promise.all(upTo(20).map(write));
		expect(most).toBe(20);
	});

	test("rejects what is refused for good, with the clientId, and sends the rest", async () => {
		const [refused, fine] = [write("  "), write("fine")];
		await expect(refused).rejects.toMatchObject({ code: "VALIDATION_FAILED", clientId: expect.stringMatching(/^[\da-f-]{36}$/) });
		expect(await fine).toMatchObject({ seq: 1 });
	});

	test("rejects what is above the limit, and says when to send it again", async () => {
		const sent = await Promise.allSettled(upTo(31).map(write));
		const refused = sent.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
		expect(refused).toEqual([
			expect.objectContaining({
				code: "RATE_LIMITED",
				clientId: expect.any(String),
				details: { retryAfterSeconds: expect.any(Number) },
			}),
		]);
		expect(await stored()).toHaveLength(30);
	});

	test("rejects at close with the clientId: sent again with it, the message is stored once", async () => {
		let committed = false;
		faults.afterCommit = () => {
			committed = true;
			throw new ParleyError("UNAVAILABLE");
		};
		const sent = write("hello");
		const failure = expect(sent).rejects.toMatchObject({ code: "NETWORK" });
		await until(() => committed);
		chat.close();
		await failure;
		const { clientId } = await sent.catch((error) => error);
		faults.afterCommit = undefined;
		await chat.connect();
		expect(await chat.send(conversing.conversationId, { clientId, content: "hello" })).toMatchObject({ seq: 1, clientId });
		expect(await stored()).toEqual(["hello"]);
	});
});

describe("RestClient.sendMessage", () => {
	const clientId = () => crypto.randomUUID();

	test("resolves with the one stored message when 503 is answered after COMMIT", async () => {
		faults.afterCommit = unavailable(2);
		expect(await rest.sendMessage(conversing.conversationId, { clientId: clientId(), content: "hello" })).toMatchObject({
			seq: 1,
		});
		expect(await stored()).toEqual(["hello"]);
	});

	test("resolves with the one stored message when the connection breaks after COMMIT", async () => {
		faults.afterCommit = () => {
			faults.afterCommit = undefined;
			cable.cut();
		};
		expect(await rest.sendMessage(conversing.conversationId, { clientId: clientId(), content: "hello" })).toMatchObject({
			seq: 1,
		});
		expect(await stored()).toEqual(["hello"]);
	});

	test("gives up after some attempts, with the clientId in the error", async () => {
		let attempts = 0;
		faults.before = () => {
			attempts++;
			throw new ParleyError("UNAVAILABLE");
		};
		const id = clientId();
		const sent = rest.sendMessage(conversing.conversationId, { clientId: id, content: "hello" });
		await expect(sent).rejects.toMatchObject({ code: "UNAVAILABLE", status: 503, clientId: id });
		expect(attempts).toBe(3);
	});
});
