import { ParleyApiError } from "../../client/errors.ts";
import { Outbox, type OutgoingMessage } from "../../client/outbox.ts";
import type { ErrorCode, Message } from "../../client/types.ts";

const retryMs = 200;

/** An attempt that the test answers. */
interface Attempt {
	content: string;
	store(): Promise<void>;
	fail(code?: ErrorCode | "NETWORK"): Promise<void>;
}

let attempts: Attempt[];
let outbox: Outbox;

beforeEach(() => {
	jest.useFakeTimers({ doNotFake: ["setImmediate"] });
	attempts = [];
	outbox = new Outbox(
		({ content = "" }) =>
			new Promise((resolve, reject) => {
				attempts.push({
					content,
					store() {
						resolve({ content } as Message);
						return settled();
					},
					fail(code = "UNAVAILABLE") {
						reject(new ParleyApiError({ code, message: code }));
						return settled();
					},
				});
			}),
		retryMs,
	);
});

afterEach(() => jest.useRealTimers());

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const later = () => jest.advanceTimersByTimeAsync(retryMs * 1.5);
const contents = () => attempts.map(({ content }) => content);
const send = (content: string, rest: Partial<OutgoingMessage> = {}) => {
	const sent = outbox.send({ conversationId: "one", clientId: `id of ${content}`, content, ...rest });
	// The test may look at it later.
	sent.catch(() => {});
	return sent;
};
const at = (index: number) => attempts[index] as Attempt;

test("while all goes well, nothing waits for the message before", async () => {
	const sent = ["a", "b", "c"].map((content) => send(content));
	expect(contents()).toEqual(["a", "b", "c"]);
	for (const attempt of attempts) await attempt.store();
	expect((await Promise.all(sent)).map(({ content }) => content)).toEqual(["a", "b", "c"]);
});

test("after a failure the oldest goes first, alone, and the others follow it in order", async () => {
	const sent = ["a", "b"].map((content) => send(content));
	await at(0).fail();
	sent.push(send("c"));
	await later();
	expect(contents()).toEqual(["a", "b"]);
	await at(1).fail("NETWORK");
	await later();
	expect(contents()).toEqual(["a", "b", "a"]);
	sent.push(send("d"));
	await at(2).store();
	expect(contents()).toEqual(["a", "b", "a", "b", "c", "d"]);
	for (const attempt of attempts.slice(3)) await attempt.store();
	expect((await Promise.all(sent)).map(({ content }) => content)).toEqual(["a", "b", "c", "d"]);
	send("e");
	expect(contents().at(-1)).toBe("e");
});

test("as long as it fails the pauses grow, up to sixteenfold; a new connection ends them", async () => {
	const sent = send("a");
	for (let failures = 0; failures < 8; failures++) {
		await attempts.at(-1)?.fail();
		const before = attempts.length;
		const factor = Math.min(2 ** failures, 16);
		await jest.advanceTimersByTimeAsync(retryMs * factor * 0.5 - 1);
		expect(attempts).toHaveLength(before);
		await jest.advanceTimersByTimeAsync(retryMs * factor + 1);
		expect(attempts).toHaveLength(before + 1);
	}
	await attempts.at(-1)?.fail();
	outbox.retryNow();
	outbox.retryNow();
	expect(attempts).toHaveLength(10);
	await attempts.at(-1)?.store();
	expect(await sent).toEqual({ content: "a" });
});

test.each(["RATE_LIMITED", "CONVERSATION_ARCHIVED", "INTERNAL"] as const)(
	"a message that is refused by %s is rejected with its clientId, and the next ones go on",
	async (code) => {
		const [first, second] = [send("a"), send("b")];
		await at(1).fail();
		await at(0).fail(code);
		await expect(first).rejects.toMatchObject({ code, clientId: "id of a" });
		await later();
		expect(contents()).toEqual(["a", "b", "b"]);
		await at(2).store();
		expect(await second).toEqual({ content: "b" });
	},
);

test("other conversations, and texts beside an image that cannot be sent, do not wait", async () => {
	send("a", { type: "IMAGE" });
	await at(0).fail();
	for (const message of [send("text"), send("elsewhere", { conversationId: "two" })]) {
		await attempts.at(-1)?.store();
		await attempts.at(-2)?.store();
		await message;
	}
	await later();
	expect(contents()).toEqual(["a", "text", "elsewhere", "a"]);
});

test("closing rejects whatever is not acknowledged, with its clientId; what is sent then goes out afresh", async () => {
	const [waiting, underWay] = [send("a"), send("b", { conversationId: "two" })];
	await at(0).fail();
	outbox.close(new ParleyApiError({ code: "NETWORK", message: "closed" }));
	await expect(waiting).rejects.toMatchObject({ code: "NETWORK", clientId: "id of a" });
	await expect(underWay).rejects.toMatchObject({ code: "NETWORK", clientId: "id of b" });
	const again = send("a");
	await at(1).fail();
	await later();
	expect(contents()).toEqual(["a", "b", "a"]);
	await at(2).store();
	expect(await again).toEqual({ content: "a" });
});
