import { gzipSync } from "node:zlib";
import { tokenOf } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { urlOf } from "../support/gateway.ts";
import { tokenOfMailTo, webPushEnv } from "../support/notifications.ts";
import { registerUser } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

const node = useNode({ env: { ...webPushEnv, TRUST_PROXY: "1", RATE_LIMIT_AUTH_FAILURES: "30/minute" } });
const without = useNode();

/** Each test comes from an address of its own. */
let addresses = 0;
let address: string;
let userId: string;
let link: string;

beforeEach(async () => {
	address = `192.0.2.${++addresses}`;
	userId = await registerUser(node.calls);
	link = `/notifications/unsubscribe?token=${await tokenOfMailTo(userId, node.databaseUrl)}`;
});

const form = { "Content-Type": "application/x-www-form-urlencoded" };

test("the key of web push is there for anyone, also with a token that is wrong, expired or of nobody", async () => {
	for (const token of [
		undefined,
		"nonsense",
		await tokenOf(userId, "user", -60),
		await tokenOf("nobody"),
		await tokenOf(userId),
	]) {
		const response = await ask(
			"GET",
			"/notifications/vapid-key",
			token === undefined ? {} : { Authorization: `Bearer ${token}` },
		);
		expect(response.status).toBe(200);
		expect(await response.json()).toEqual({ publicKey: webPushEnv.VAPID_PUBLIC_KEY });
	}
});

test("while web push is off, there is no key", async () => {
	const response = await fetch(`${urlOf(without)}/notifications/vapid-key`);
	expect(response.status).toBe(404);
	expect(await response.json()).toMatchObject({ error: { code: "NOT_FOUND", message: "Web push is off on this server." } });
});

test("the link of a mail shows a page that may load nothing, and changes nothing", async () => {
	const response = await ask("GET", link);
	expect(response.status).toBe(200);
	expect(Object.fromEntries(response.headers)).toMatchObject({
		"content-type": "text/html; charset=utf-8",
		"cache-control": "no-store",
		"x-content-type-options": "nosniff",
		"referrer-policy": "no-referrer",
	});
	const policy = response.headers.get("content-security-policy");
	expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self';/);
	expect(policy).not.toMatch(/unsafe|script-src|https:/);
	expect(await response.text()).toContain('<form method="post">');
	expect(await emailOf(userId)).toEqual([]);
});

test.each<[string, Record<string, string>, string | undefined]>([
	["as a mail program sends it", form, "List-Unsubscribe=One-Click"],
	[
		"in parts, as RFC 8058 prefers it",
		{ "Content-Type": "multipart/form-data; boundary=FormBoundary" },
		'--FormBoundary\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--FormBoundary--\r\n',
	],
	["with parts that are none", { "Content-Type": "multipart/form-data" }, "nonsense"],
	["with a charset", { "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8" }, "List-Unsubscribe=One-Click"],
	["with another token in the form, which is not looked at", form, "token=nonsense&user=nobody"],
	["with a form that is no form", form, "%%%=%&\0"],
	["with an empty form", form, ""],
	["without a body", {}, undefined],
	["with a JSON body", { "Content-Type": "application/json" }, "{}"],
	["with a wrong token of a session", { ...form, Authorization: "Bearer nonsense" }, "List-Unsubscribe=One-Click"],
])("a POST to the link turns the mails off: %s", async (_how, headers, body) => {
	for (let again = 0; again < 2; again++) {
		const response = await ask("POST", link, headers, body);
		expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
		expect(await response.text()).not.toContain("<form");
	}
	expect(await emailOf(userId)).toEqual([{ email: false }]);
});

test.each<[string, Record<string, string>, string | Buffer<ArrayBuffer>, number]>([
	["is larger than 128 KB", form, "a".repeat(128 * 1024 + 1), 413],
	["is compressed", { ...form, "Content-Encoding": "gzip" }, gzipSync("a=b"), 415],
	["is in another charset", { "Content-Type": `${form["Content-Type"]}; charset=utf-16` }, "a=b", 415],
	["has mixed parts", { "Content-Type": "multipart/mixed; boundary=x" }, "--x--", 415],
	["is text", { "Content-Type": "text/plain" }, "a=b", 415],
	["is broken JSON", { "Content-Type": "application/json" }, "{", 400],
])("a body that %s is refused, and the mails stay on", async (_what, headers, body, status) => {
	const response = await ask("POST", link, headers, body);
	expect(response.status).toBe(status);
	await response.text();
	expect(await emailOf(userId)).toEqual([]);
});

test.each([
	["application/x-www-form-urlencoded", "kind=fcm&token=a"],
	["multipart/form-data; boundary=x", '--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nfcm\r\n--x--\r\n'],
])("no route that needs a token takes a form (%s)", async (type, body) => {
	for (const [method, path] of [
		["POST", "/notifications/devices"],
		["PUT", "/notifications/settings"],
		["POST", "/conversations"],
		["PUT", `/platform/users/${userId}`],
	] as const) {
		const response = await ask(method, path, { "Content-Type": type, Authorization: `Bearer ${await tokenOf(userId)}` }, body);
		expect([path, response.status]).toEqual([path, 415]);
		await response.text();
	}
});

test.each(["", "?token=", "?token=nonsense", "?token=v1.dXNlcg.AAAA", "?token[]=a", `?token=${"a".repeat(2_000)}`, "?token=%00"])(
	"with the query «%s» nobody's mails are turned off",
	async (wrong) => {
		for (const method of ["GET", "POST"]) {
			const response = await ask(method, `/notifications/unsubscribe${wrong}`);
			expect([400, 404]).toContain(response.status);
			await response.text();
		}
		expect(await emailOf(userId)).toEqual([]);
	},
);

test("guessing is limited for an address, and what succeeds is not counted", async () => {
	for (let i = 0; i < 40; i++) expect((await read("GET", "/notifications/vapid-key")).status).toBe(200);
	for (let i = 0; i < 40; i++) expect((await read("GET", link)).status).toBe(200);
	for (let i = 0; i < 30; i++) expect((await read("POST", "/notifications/unsubscribe?token=nonsense")).status).toBe(404);
	const refused = await read("POST", "/notifications/unsubscribe?token=nonsense");
	expect(refused.status).toBe(429);
	expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
	expect((await read("POST", link)).status).toBe(429);
	expect(await emailOf(userId)).toEqual([]);

	// Other addresses, and people with a good token, are not concerned.
	const authorized = { Authorization: `Bearer ${await tokenOf(userId)}` };
	expect((await read("GET", "/notifications/settings", authorized)).status).toBe(200);
	address = "198.51.100.1";
	expect((await read("POST", link)).status).toBe(200);
});

async function read(method: string, path: string, headers: Record<string, string> = {}): Promise<Response> {
	const response = await ask(method, path, headers);
	await response.text();
	return response;
}

function ask(
	method: string,
	path: string,
	headers: Record<string, string> = {},
	body?: string | Buffer<ArrayBuffer>,
): Promise<Response> {
	return fetch(urlOf(node) + path, {
		method,
		headers: { "X-Forwarded-For": address, ...headers },
		...(body !== undefined && { body }),
	});
}

function emailOf(id: string): Promise<object[]> {
	return query(node.databaseUrl, "select email from notification_settings where user_id = $1", [id]);
}
