import { createECDH } from "node:crypto";
import type { PushNotice } from "../../services/notifier/channels/channel.ts";
import { outcomeOfStatus, retryAfter } from "../../services/notifier/channels/outcomes.ts";
import { shortenToFit } from "../../services/notifier/channels/shorten.ts";
import { decryptPush } from "../support/decrypt-push.ts";
import { pushNotice } from "../support/push-notice.ts";

const sizeBytes = ({ body }: PushNotice) => Buffer.byteLength(JSON.stringify(body));

test.each([
	["a text that fits", "Hello", 100, "Hello"],
	["ASCII", "x".repeat(200), 105, `${"x".repeat(100)}…`],
	["characters that JSON escapes", '"'.repeat(200), 105, `${'"'.repeat(50)}…`],
	["characters of four bytes", "😀".repeat(200), 105, `${"😀".repeat(25)}…`],
	["families, which are one character to people", "👨‍👩‍👧‍👦".repeat(9), 105, `${"👨‍👩‍👧‍👦".repeat(4)}…`],
	["one character with marks without end", `a${"\u0301".repeat(9_000)}`, 105, `a${"\u0301".repeat(49)}…`],
	["half a surrogate pair at the end of what is looked at", `${"x".repeat(104)}😀`, 105, `${"x".repeat(100)}…`],
])("%s is cut where it must be", (_, body, maxBytes, expected) => {
	const short = shortenToFit({ ...pushNotice(), body }, maxBytes, sizeBytes);
	expect(short.body).toBe(expected);
	expect(sizeBytes(short)).toBeLessThanOrEqual(maxBytes);
});

test("a body for which there is no space at all is left out", () => {
	expect(shortenToFit({ ...pushNotice(), body: "Hello" }, 1, sizeBytes).body).toBe("");
});

test.each([
	["120", 120_000],
	["999999", 3_600_000],
	["Wed, 21 Oct 2026 07:28:30 GMT", 30_000],
	["Fri, 31 Dec 2100 00:00:00 GMT", 3_600_000],
	["Wed, 21 Oct 2026 07:27:00 GMT", undefined],
	["0", undefined],
	["-5", undefined],
	["soon", undefined],
	["", undefined],
	[undefined, undefined],
])("Retry-After %s means %s ms", (header, retryAfterMs) => {
	const now = Date.parse("2026-10-21T07:28:00Z");
	expect(retryAfter(header, now)).toEqual(retryAfterMs === undefined ? {} : { retryAfterMs });
});

test.each([
	[200, "accepted"],
	[201, "accepted"],
	[301, "refused"],
	[307, "refused"],
	[400, "refused"],
	[408, "failed"],
	[413, "refused"],
	[429, "failed"],
	[500, "failed"],
	[503, "failed"],
	[599, "failed"],
	[0, "refused"],
])("HTTP %s means %s", (status, kind) => expect(outcomeOfStatus(status, "reason", {}).kind).toBe(kind));

test("the tests' browser decrypts the example of RFC 8291", () => {
	const keys = createECDH("prime256v1");
	keys.setPrivateKey("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", "base64url");
	const auth = Buffer.from("BTBZMqHH6r4Tts7J_aSIgg", "base64url");
	const body =
		"DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
	expect(decryptPush(Buffer.from(body, "base64url"), { keys, auth })).toBe("When I grow up, I want to be a watermelon");
});
