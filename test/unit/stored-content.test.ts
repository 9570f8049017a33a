import { fitsUtf8 } from "../../lib/text-length.ts";
import { parse } from "../../lib/validation.ts";
import { messages } from "../../services/messages/messages.contract.ts";
import { storedContent } from "../../services/messages/stored-content.ts";

const ids = { conversationId: "01a20726-e868-74ae-95fe-d3c6612b91cb", clientId: "7b0c3f9e-52d1-4c86-9a3e-0f4d2b6e8a15" };
const imageId = "01a20727-6f3a-7a08-b2d4-93e1c05f7b66";

/** As a request goes: through the contract, then through the operation. */
const contentOf = (draft: object) => storedContent(parse(messages.actions.send.params, { ...ids, ...draft }));

test.each<[string, object, string | null]>([
	["a text", { content: " 5 < 6 👍 " }, "5 < 6 👍"],
	["a text with tags", { content: "<b> a </b><script>alert(1)</script>" }, "a"],
	["a caption", { type: "IMAGE", imageId, content: "<i>us</i>" }, "us"],
	["a caption of tags alone", { type: "IMAGE", imageId, content: "<br>" }, null],
	["no caption", { type: "IMAGE", imageId }, null],
	["a text of the longest length", { content: "👍".repeat(5_000) }, "👍".repeat(5_000)],
])("%s is stored as plain text", (_what, draft, stored) => {
	expect(contentOf(draft)).toBe(stored);
});

test.each<[string, object]>([
	["no text", {}],
	["null", { content: null }],
	["white space", { content: " \n" }],
	["a text of tags alone", { content: "<p> <br></p>" }],
	["a script", { content: "<script>alert(1)</script>" }],
])("%s is refused as an empty content", (_what, draft) => {
	expect(() => contentOf(draft)).toThrow(
		expect.objectContaining({ type: "VALIDATION_FAILED", data: [{ path: "content", message: "must not be empty" }] }),
	);
});

test("the length counts before tags are removed", () => {
	expect(() => contentOf({ content: `<b>${"a".repeat(4_998)}` })).toThrow(
		expect.objectContaining({ data: [{ path: "content", message: "must be at most 5000 characters" }] }),
	);
});

test.each(["", "a", "é", "€", "👍", "a👍€é"])("%j fits into its own bytes, and not into one less", (text) => {
	const bytes = Buffer.byteLength(text.repeat(50));
	expect(fitsUtf8(text.repeat(50), bytes)).toBe(true);
	if (bytes > 0) expect(fitsUtf8(text.repeat(50), bytes - 1)).toBe(false);
});
