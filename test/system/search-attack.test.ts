import { randomUUID } from "node:crypto";
import { startServer } from "../support/server.ts";
import { filled } from "../support/worst-texts.ts";

jest.setTimeout(60_000);

/** What a request of somebody else may most often wait, in milliseconds. On a quiet machine it is below 200. */
const maxWaitMs = 1_000;

let server: Awaited<ReturnType<typeof startServer>>;

beforeAll(async () => {
	server = await startServer();
}, 120_000);

afterAll(() => server.stop(), 30_000);

test("while the most costly searches run, a health check and a send of somebody else wait for little", async () => {
	const platform = await server.platformToken();
	const ask = async (token: string, route: string, body?: object) => {
		const [method = "", path = ""] = route.split(" ");
		const answer = await fetch(`${server.baseUrls[0]}${path}`, {
			method,
			headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
			...(body && { body: JSON.stringify(body) }),
		});
		return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
	};
	const conversing = async () => {
		const [applicantId, employerId, applicationId] = [randomUUID(), randomUUID(), randomUUID()];
		for (const id of [applicantId, employerId]) await ask(platform, `PUT /platform/users/${id}`, { name: "Somebody" });
		const application = { applicantId, employerId, jobTitle: "Cook", status: "OPEN" };
		await ask(platform, `PUT /platform/applications/${applicationId}`, application);
		const token = await server.userToken(applicantId);
		const { body } = await ask(token, "POST /conversations", { jobApplicationId: applicationId });
		const send = (content: string) => ask(token, `POST /conversations/${body.id}/messages`, { clientId: randomUUID(), content });
		return { token, send };
	};
	const [attacker, other] = [await conversing(), await conversing()];
	for (const text of [filled("!", "b"), filled("a ", "b "), filled("\ufdfa")])
		await Promise.all(Array.from({ length: 50 }, () => attacker.send(text)));

	const queries = [
		`"${"! ".repeat(31)}b"`,
		`"${"a ".repeat(31)}b"`,
		`"${"صلى الله عليه وسلم ".repeat(8)}"`,
		`"${"! ".repeat(247)}b"`,
	];
	const searches = queries.flatMap((q) =>
		["relevance", "recent"].map((sort) =>
			ask(attacker.token, `GET /messages/search?limit=100&sort=${sort}&q=${encodeURIComponent(q)}`),
		),
	);
	let isDone = false;
	const attack = Promise.all(searches).finally(() => {
		isDone = true;
	});
	const waits: number[] = [];
	while (!isDone) {
		for (const request of [() => ask(other.token, "GET /health/live"), () => other.send("hello")]) {
			const startMs = performance.now();
			expect((await request()).status).toBeLessThan(300);
			waits.push(performance.now() - startMs);
		}
	}
	expect((await attack).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 400, 400]);
	expect(waits.sort((a, b) => a - b)[Math.floor(waits.length / 2)]).toBeLessThan(maxWaitMs);
});
