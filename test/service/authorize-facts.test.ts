import { randomUUID } from "node:crypto";
import type { ActionInput, ActionName, Calls } from "../../services/contracts.ts";
import { silentStorage } from "../../testing/storage-env.ts";
import { as, asPlatform } from "../support/broker.ts";
import { openConversation, registerApplication, registerUser, send } from "../support/platform.ts";
import { useNodes } from "../support/use-node.ts";

// Authorize remembers some answers; what may change must not be among them.

/** The names of the actions that the server's node called itself, with their parameters. */
let called: string[] = [];

const services = ["conversations", "directory", "media", "messages", "presence"] as const;
const [caller, server] = useNodes({ services: [] }, { services, env: silentStorage });

beforeAll(async () => {
	const call = server.broker.call.bind(server.broker);
	Object.assign(server.broker, {
		call(action: string, params: unknown, ...rest: []) {
			called.push(`${action} ${JSON.stringify(params)}`);
			return call(action, params, ...rest);
		},
	});
});

beforeEach(() => {
	called = [];
});

test("the participants of a conversation are asked for once", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(caller.calls);
	const stranger = await registerUser(caller.calls);
	for (const id of [applicantId, employerId, applicantId])
		expect(await outcome("conversations.get", { conversationId }, id)).toBe("done");
	expect(await outcome("conversations.get", { conversationId }, stranger)).toBe("NOT_FOUND");
	expect(called.filter((one) => one === `conversations.participants ${JSON.stringify({ conversationId })}`)).toHaveLength(1);
});

test("a conversation, a message and an image that are not there are asked for each time", async () => {
	const { applicantId } = await openConversation(caller.calls);
	const id = randomUUID();
	for (const [action, params, question] of [
		["conversations.get", { conversationId: id }, "conversations.participants"],
		["messages.markRead", { messageId: id }, "messages.locate"],
		["media.get", { imageId: id }, "media.locate"],
	] as const) {
		for (let times = 0; times < 2; times++) expect(await outcome(action, params, applicantId)).toBe("NOT_FOUND");
		expect(called.filter((one) => one.startsWith(`${question} `))).toHaveLength(2);
	}
});

test("two people who share no conversation are partners as soon as they do", async () => {
	const pair = await registerApplication(caller.calls);
	const { applicantId, employerId } = pair;
	expect(await outcome("presence.get", { userId: employerId }, applicantId)).toBe("NOT_FOUND");
	expect(await outcome("presence.get", { userId: applicantId }, employerId)).toBe("NOT_FOUND");
	await caller.calls.call("conversations.create", { jobApplicationId: pair.jobApplicationId }, as(applicantId));
	expect(await outcome("presence.get", { userId: employerId }, applicantId)).toBe("done");
	expect(await outcome("presence.get", { userId: applicantId }, employerId)).toBe("done");
});

test("a conversation that is archived, and reopened, is answered as it is now", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(caller.calls);
	await send(caller.calls, conversationId, applicantId);
	await caller.calls.call("conversations.archive", { conversationId }, as(employerId));
	const message = { conversationId, clientId: randomUUID(), content: "Hello" };
	expect(await outcome("messages.send", message, applicantId)).toBe("CONVERSATION_ARCHIVED");
	expect(await caller.calls.call("conversations.get", { conversationId }, as(applicantId))).toMatchObject({ status: "ARCHIVED" });
	await caller.calls.call("conversations.reopen", { conversationId }, as(applicantId));
	expect(await outcome("messages.send", message, applicantId)).toBe("done");
});

test("an image that is deleted is not there any more, for its uploader and for the other participant", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(caller.calls);
	const wanted = { conversationId, filename: "a.png", mimeType: "image/png", sizeBytes: 1 } as const;
	const { imageId } = await caller.calls.call("media.requestUpload", wanted, as(employerId));
	for (const id of [applicantId, employerId]) expect(await outcome("media.get", { imageId }, id)).toBe("IMAGE_NOT_READY");
	await caller.calls.call("media.delete", { imageId }, as(employerId));
	for (const id of [applicantId, employerId]) expect(await outcome("media.get", { imageId }, id)).toBe("NOT_FOUND");
	expect(await outcome("media.confirm", { conversationId, imageId }, employerId)).toBe("NOT_FOUND");
});

test("a person who is erased is shown as erased to who was known as their partner", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(caller.calls);
	expect(await outcome("presence.get", { userId: employerId }, applicantId)).toBe("done");
	await caller.calls.call("users.erase", { id: employerId }, asPlatform);
	const { participants } = await caller.calls.call("conversations.get", { conversationId }, as(applicantId));
	expect(participants.find(({ userId }) => userId === employerId)?.name).toBe("Deleted user");
});

/** What a call ends with: its error's type. */
async function outcome(name: ActionName, params: object, id: string): Promise<string> {
	try {
		await (caller.calls as Calls).call(name, params as ActionInput<ActionName>, as(id));
		return "done";
	} catch (error) {
		return String((error as { type?: unknown }).type);
	}
}
