import { createHmac } from "node:crypto";
import { Database } from "../../mixins/database.ts";
import {
	askToUnsubscribe,
	unsubscribe,
	unsubscribeToken,
	unsubscribeUrl,
	userOfUnsubscribeToken,
} from "../../services/notifier/settings/unsubscribe.ts";
import { asPlatform } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { registerUser } from "../support/platform.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { useNode } from "../support/use-node.ts";

let db: Database;
afterAll(() => db.close());
const node = useNode({ services: ["directory"] });
beforeAll(() => {
	db = new Database(node.databaseUrl, () => {});
});

const rowOf = (userId: string) => query(node.databaseUrl, "select * from notification_settings where user_id = $1", [userId]);

describe("tokens", () => {
	test.each(["alice", "a.b@c <d>/é\n", "ü".repeat(128)])("the token of %j leads back to that person", async (userId) => {
		const token = await unsubscribeToken(db, userId);
		expect(token).toMatch(/^v1\.[\w-]+\.[\w-]{43}$/);
		expect(await userOfUnsubscribeToken(db, token)).toBe(userId);
	});

	test("they are the same on every node, since the key is in the database", async () => {
		const other = new Database(node.databaseUrl, () => {});
		const token = await unsubscribeToken(other, "alice");
		await other.close();
		expect(token).toBe(await unsubscribeToken(db, "alice"));
	});

	test("none is valid that was changed, made for another person, of another version, or made with another key", async () => {
		const token = await unsubscribeToken(db, "alice");
		const [version = "", id = "", mac = ""] = token.split(".");
		const bob = Buffer.from("bob").toString("base64url");
		const forged = createHmac("sha256", "another key").update(`v1.${bob}`).digest("base64url");
		const wrong = [
			"",
			"v1",
			"v1..",
			`${version}.${bob}.${mac}`,
			`v2.${id}.${mac}`,
			`${token}.`,
			`${token}=`,
			`${token} `,
			token.slice(0, -1),
			`v1.${bob}.${forged}`,
			`${version}.${id}.${mac.toLowerCase()}`,
			`${version}.${id}.${"é".repeat(43)}`,
			"x".repeat(100_000),
		];
		for (const text of wrong) expect([text, await userOfUnsubscribeToken(db, text)]).toEqual([text, null]);
		// Every character of the signature counts, also the last one, of which base64 ignores two bits.
		for (let at = 0; at < mac.length; at++) {
			const changed = `${mac.slice(0, at)}${mac[at] === "A" ? "B" : "A"}${mac.slice(at + 1)}`;
			expect(await userOfUnsubscribeToken(db, `${version}.${id}.${changed}`)).toBeNull();
		}
	});

	test("a database that did not answer is asked again for the key", async () => {
		const proxy = await TcpProxy.before(node.databaseUrl);
		const behind = new Database(proxy.url, () => {});
		proxy.down();
		await expect(unsubscribeToken(behind, "alice")).rejects.toMatchObject({ type: "UNAVAILABLE" });
		proxy.pass();
		expect(await unsubscribeToken(behind, "alice")).toBe(await unsubscribeToken(db, "alice"));
		await behind.close();
		await proxy.close();
	});

	test("the URL of a mail has the token", async () => {
		const url = await unsubscribeUrl(db, "https://jobs.example.org", "alice");
		expect(url).toBe(`https://jobs.example.org/notifications/unsubscribe?token=${await unsubscribeToken(db, "alice")}`);
	});
});

describe("the page", () => {
	test("asks in the person's language, and changes nothing", async () => {
		const userId = await registerUser(node.calls);
		await node.calls.call("users.put", { id: userId, name: "Bo", locale: "de-AT" }, asPlatform);
		const { status, html } = await askToUnsubscribe(db, node.calls, await unsubscribeToken(db, userId));
		expect(status).toBe(200);
		expect(html).toContain('<html lang="de" dir="ltr">');
		expect(html).toContain('<form method="post">');
		expect(html).not.toContain(userId);
		expect(await rowOf(userId)).toEqual([]);
	});

	test("of a token that is not valid is not found, and has no form", async () => {
		for (const answer of [askToUnsubscribe, unsubscribe]) {
			const { status, html } = await answer(db, node.calls, "v1.Ym9i.c2lnbmF0dXJl");
			expect(status).toBe(404);
			expect(html).toContain("This link is not valid");
			expect(html).not.toContain("<form");
		}
		expect(await rowOf("bob")).toEqual([]);
	});
});

describe("unsubscribing", () => {
	test("turns the e-mails off, also twice, and leaves the rest as it is by default", async () => {
		const userId = await registerUser(node.calls);
		const token = await unsubscribeToken(db, userId);
		for (const _time of [1, 2]) {
			const { status, html } = await unsubscribe(db, node.calls, token);
			expect([status, html.includes("E-mails about new messages are off"), html.includes("<form")]).toEqual([200, true, false]);
		}
		expect(await rowOf(userId)).toMatchObject([
			{ email: false, push: true, in_app: true, quiet_enabled: false, digest_enabled: false },
		]);
	});

	test("keeps what the person chose", async () => {
		const userId = await registerUser(node.calls);
		await query(
			node.databaseUrl,
			"insert into notification_settings values ($1, false, true, false, true, '21:00', '06:30', 'Asia/Tokyo', true, 60)",
			[userId],
		);
		const [before] = await rowOf(userId);
		await unsubscribe(db, node.calls, await unsubscribeToken(db, userId));
		expect(await rowOf(userId)).toEqual([{ ...before, email: false, updated_at: expect.any(Date) }]);
	});

	test("an erased person is answered like any other, without their data", async () => {
		const userId = await registerUser(node.calls);
		await node.calls.call("users.put", { id: userId, name: "Bo", locale: "tr" }, asPlatform);
		const token = await unsubscribeToken(db, userId);
		await node.calls.call("users.erase", { id: userId }, asPlatform);
		const { status, html } = await unsubscribe(db, node.calls, token);
		expect(status).toBe(200);
		expect(html).toContain('<html lang="en"');
	});
});
