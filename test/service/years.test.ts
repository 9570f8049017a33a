import { randomUUID } from "node:crypto";
import { encodeCursor } from "../../lib/cursor.ts";
import { as } from "../support/broker.ts";
import { openConversation } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

const node = useNode({ services: ["conversations", "directory", "messages"] });

describe.each([
	["0000-01-01T00:00:00.000Z"],
	["0000-12-31T23:59:59.999Z"],
	["-000001-01-01T00:00:00.000Z"],
	["+010000-01-01T00:00:00.000Z"],
	["9999-12-31T23:59:59.000-23:59"],
	["0001-01-01T00:00:00.000+23:59"],
])("the time %s, which no calendar of ours has,", (time) => {
	test("is refused for muting", async () => {
		const { conversationId, applicantId } = await openConversation(node.calls);
		const mute = node.calls.call("conversations.mute", { conversationId, until: time }, as(applicantId));
		await expect(mute).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: [{ path: "until" }] });
	});

	test("is refused as a filter of a search", async () => {
		const { applicantId } = await openConversation(node.calls);
		for (const q of [`before:${time}`, `after:${time}`]) {
			const found = node.calls.call("messages.search", { q }, as(applicantId));
			await expect(found).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: [{ path: "q" }] });
		}
	});

	test("is refused in every cursor", async () => {
		const { conversationId, applicantId } = await openConversation(node.calls);
		const refused = { type: "VALIDATION_FAILED", data: [{ path: "cursor" }] };
		const list = node.calls.call("conversations.list", { cursor: encodeCursor([time, conversationId]) }, as(applicantId));
		await expect(list).rejects.toMatchObject(refused);
		const position = [time, randomUUID(), 1];
		for (const [sort, cursor] of [
			["recent", encodeCursor(position)],
			["relevance", encodeCursor([1, position])],
		] as const) {
			const found = node.calls.call("messages.search", { q: "hello", sort, cursor }, as(applicantId));
			await expect(found).rejects.toMatchObject(refused);
		}
	});
});
