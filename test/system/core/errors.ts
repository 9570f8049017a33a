import { randomUUID } from "node:crypto";
import type { TargetOf } from "../../../testing/target.ts";
import { request } from "./caller.ts";
import { anError } from "./expectations.ts";
import { aConversation, register, upTo } from "./people.ts";

export function describeErrors(target: TargetOf): void {
	const at = (path: string, init?: RequestInit) => request<unknown>(target().baseUrls[0] + path, init);
	const json = { "content-type": "application/json" };

	describe("every response", () => {
		it("carries an X-Request-Id of its own, which an error repeats", async () => {
			const { alice, id } = await aConversation(target());
			const answers = [
				await alice.ask("GET", "/conversations"),
				await alice.send(id, { clientId: randomUUID(), content: "hi" }),
				await alice.ask("GET", `/conversations/${randomUUID()}`),
				await alice.ask("GET", "/no/such/route"),
				await alice.ask("POST", "/conversations", {}),
				await at("/no/such/route"),
				await at("/conversations"),
				await at("/conversations", { method: "POST", headers: { ...json, authorization: `Bearer ${alice.token}` }, body: "{" }),
				await at("/health/live"),
				await at("/", { method: "OPTIONS" }),
			];
			expect(answers.map(({ status, code }) => [status, code])).toEqual([
				[200, undefined],
				[201, undefined],
				[404, "NOT_FOUND"],
				[404, "NOT_FOUND"],
				[400, "VALIDATION_FAILED"],
				[404, "NOT_FOUND"],
				[401, "UNAUTHENTICATED"],
				[400, "MALFORMED_JSON"],
				[200, undefined],
				[204, undefined],
			]);
			const ids = answers.map(({ headers }) => headers.get("x-request-id"));
			for (const requestId of ids) expect(requestId).toMatch(/^[\w-]{8,}$/);
			expect(new Set(ids).size).toBe(ids.length);
			for (const { code, body, headers } of answers) {
				if (code) expect(body).toMatchObject({ error: { requestId: headers.get("x-request-id") } });
			}
		});

		it("carries the headers that keep browsers safe, and does not say what made it", async () => {
			for (const [path, expected] of [
				["/conversations", 401],
				["/health/live", 200],
				["/no/such/route", 404],
			] as const) {
				const { status, headers } = await at(path);
				expect([path, status]).toEqual([path, expected]);
				expect(headers.get("x-content-type-options")).toBe("nosniff");
				expect(headers.get("x-frame-options")).toBe("SAMEORIGIN");
				expect(headers.get("referrer-policy")).toBe("no-referrer");
				const policy = headers.get("content-security-policy")?.split(";");
				const directives = ["default-src 'self'", "object-src 'none'", "script-src 'self'", "frame-ancestors 'self'"];
				expect(policy).toEqual(expect.arrayContaining(directives));
				expect([headers.get("x-powered-by"), headers.get("server")]).toEqual([null, null]);
			}
		});
	});

	describe("an error", () => {
		it("is an envelope with code, message and request id, as JSON", async () => {
			const alice = await register(target());
			const answer = await alice.ask("GET", `/conversations/${randomUUID()}`);
			expect(answer).toMatchObject({ status: 404, code: "NOT_FOUND" });
			expect(answer.body).toEqual(anError("NOT_FOUND"));
			expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
		});

		it("of validation names each thing that is wrong", async () => {
			const { alice, id } = await aConversation(target());
			const answer = await alice.send(id, { clientId: "x", content: "", metadata: 5 });
			const details = ["clientId", "content", "metadata"].map((path) => ({ path, message: expect.any(String) }));
			expect(answer.status).toBe(400);
			expect(answer.body).toEqual({
				error: {
					code: "VALIDATION_FAILED",
					message: expect.any(String),
					details: expect.arrayContaining(details),
					requestId: expect.any(String),
				},
			});
		});

		it.each([
			"/no/such/route",
			"/",
			"/conversation",
			"/conversations/x/y/z",
			"/platform",
			"/$node/list",
			"/messages/send",
			"/%2e%2e/etc",
		])("for a path that is no route is 404 NOT_FOUND: %s", async (path) => {
			const alice = await register(target());
			expect(await alice.ask("POST", path, {})).toMatchObject({ status: 404, code: "NOT_FOUND" });
		});

		it.each(["/conversations/%", "/conversations/%E0%A4%A", "/conversations/%00", "/messages/%ff/read"])(
			"for a path that cannot be decoded is the client's, not the server's: %s",
			async (path) => {
				const alice = await register(target());
				const { status, code } = await alice.ask("GET", path);
				expect([status, code]).toEqual([404, "NOT_FOUND"]);
			},
		);

		it("leaks nothing of the inside", async () => {
			const { alice, id } = await aConversation(target());
			const answers = [
				await alice.ask("GET", "/no/such/route"),
				await alice.ask("GET", `/conversations/${id}/messages?before=x`),
				await alice.ask("POST", "/conversations", { jobApplicationId: "\u0000" }),
				await at("/conversations", { headers: { authorization: "Bearer x" } }),
			];
			expect(answers.map(({ code }) => code)).toEqual(["NOT_FOUND", "VALIDATION_FAILED", "VALIDATION_FAILED", "UNAUTHENTICATED"]);
			for (const { body } of answers)
				expect(JSON.stringify(body)).not.toMatch(/node_modules|\.ts\b|sequelize|select |stack|nodeID/i);
		});
	});

	describe("a body", () => {
		const post = async (body: string, headers: Record<string, string> = json) => {
			const alice = await register(target());
			return at("/conversations", { method: "POST", headers: { authorization: `Bearer ${alice.token}`, ...headers }, body });
		};

		it.each(["{", '{"jobApplicationId":}', "nonsense", '{"a":1}}', "'a'"])(
			"that is not JSON is 400 MALFORMED_JSON: %s",
			async (body) => {
				expect(await post(body)).toMatchObject({ status: 400, code: "MALFORMED_JSON" });
			},
		);

		it.each([
			["[]", "VALIDATION_FAILED"],
			["{}", "VALIDATION_FAILED"],
			// Only a list or an object is taken for JSON.
			['"text"', "MALFORMED_JSON"],
			["5", "MALFORMED_JSON"],
			["null", "MALFORMED_JSON"],
		])("that is JSON of the wrong shape is 400: %s", async (body, expected) => {
			const { status, code } = await post(body);
			expect([status, code]).toEqual([400, expected]);
		});

		it("that is too large is 413 PAYLOAD_TOO_LARGE", async () => {
			const answer = await post(JSON.stringify({ jobApplicationId: "x".repeat(2_000_000) }));
			expect(answer).toMatchObject({ status: 413, code: "PAYLOAD_TOO_LARGE" });
		});

		it("with the longest message fits, even with every character escaped", async () => {
			const { alice, id } = await aConversation(target());
			const escaped = "\\ud83d\\udc4d".repeat(5000);
			const body = `{"clientId":"${randomUUID()}","content":"${escaped}"}`;
			const headers = { ...json, authorization: `Bearer ${alice.token}` };
			expect((await at(`/conversations/${id}/messages`, { method: "POST", headers, body })).status).toBe(201);
		});

		it.each(["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x"])(
			"that is %s is 415 UNSUPPORTED_MEDIA_TYPE",
			async (type) => {
				const answer = await post('{"jobApplicationId":"x"}', { "content-type": type });
				expect(answer).toMatchObject({ status: 415, code: "UNSUPPORTED_MEDIA_TYPE" });
			},
		);

		it("cannot reach into prototypes", async () => {
			const { alice, id } = await aConversation(target());
			const body = `{"clientId":"${randomUUID()}","content":"hi","metadata":{"__proto__":{"polluted":true}},"constructor":{"prototype":{}}}`;
			const headers = { ...json, authorization: `Bearer ${alice.token}` };
			const answer = await at(`/conversations/${id}/messages`, { method: "POST", headers, body });
			expect(answer).toMatchObject({
				status: 400,
				code: "VALIDATION_FAILED",
				body: { error: { details: [{ path: "metadata" }] } },
			});
			expect(await alice.get(`/conversations/${id}/messages`)).toMatchObject({ items: [] });
		});
	});

	describe("a browser", () => {
		const preflight = (origin: string) =>
			at("/conversations", {
				method: "OPTIONS",
				headers: {
					origin,
					"access-control-request-method": "POST",
					"access-control-request-headers": "authorization,content-type",
				},
			});

		it("of an allowed origin may call, from the preflight on, and read the request id", async () => {
			const { allowedOrigin } = target();
			const asked = await preflight(allowedOrigin);
			expect(asked.status).toBe(204);
			expect(asked.headers.get("access-control-allow-origin")).toBe(allowedOrigin);
			expect(asked.headers.get("access-control-allow-methods")).toBe("GET,POST,PUT,PATCH,DELETE");
			expect(asked.headers.get("access-control-allow-headers")).toBe("Authorization,Content-Type,X-Request-Id");
			for (const [path, expected] of [
				["/conversations", 401],
				["/no/such/route", 404],
			] as const) {
				const { status, headers } = await at(path, { headers: { origin: allowedOrigin } });
				expect([path, status]).toEqual([path, expected]);
				expect(headers.get("access-control-allow-origin")).toBe(allowedOrigin);
				expect(headers.get("access-control-expose-headers")).toMatch(/x-request-id/i);
			}
		});

		it("of another origin may not", async () => {
			for (const origin of ["https://evil.example", "null", `${target().allowedOrigin}.evil.example`]) {
				for (const { headers } of [await preflight(origin), await at("/conversations", { headers: { origin } })]) {
					expect(headers.get("access-control-allow-origin")).toBeNull();
				}
			}
		});
	});

	describe("health", () => {
		it("needs no token", async () => {
			for (const baseUrl of target().baseUrls) {
				expect((await fetch(`${baseUrl}/health/live`)).status).toBe(200);
				expect((await fetch(`${baseUrl}/health/ready`)).status).toBe(200);
			}
		});

		it("stays after many bad requests", async () => {
			await Promise.all(upTo(50).map((n) => at(`/conversations/${n}`, { method: "PATCH", headers: json, body: "{" })));
			expect((await at("/health/ready")).status).toBe(200);
		});
	});
}
