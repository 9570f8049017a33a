import { randomUUID } from "node:crypto";
import type { ActionInput } from "../../services/contracts.ts";
import { until } from "../../testing/until.ts";
import { asPlatform } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { registerApplication, registerUser } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";
import { eventWatcher, type HeardEvent } from "../support/watchers.ts";

jest.setTimeout(20_000);

const events: HeardEvent[] = [];

const node = useNode({ services: ["directory"], others: [eventWatcher(events)] });

describe("a user", () => {
	const person = { name: "Zoë", email: "zoe@example.org", locale: "de-AT", timezone: "Europe/Vienna" };

	test("is the same however often it is put, and at once", async () => {
		const id = randomUUID();
		const put = () => putUser({ id, ...person });
		const all = await Promise.all(Array.from({ length: 10 }, put));
		expect(all[0]).toEqual({ id, ...person, createdAt: expect.any(String), updatedAt: expect.any(String) });
		expect(new Set([...all, await put()].map(({ createdAt }) => createdAt)).size).toBe(1);
		expect(await query(node.databaseUrl, "select name from users where id = $1", [id])).toEqual([{ name: "Zoë" }]);
	});

	test("is replaced as a whole: what is left out is gone", async () => {
		const id = randomUUID();
		await putUser({ id, ...person });
		expect(await putUser({ id, name: "  Zoe  " })).toMatchObject({ name: "Zoe", email: null, locale: null, timezone: null });
	});

	test("who is erased is anonymous at once, may not sign in, and every node hears of it", async () => {
		const id = randomUUID();
		await putUser({ id, ...person });
		await erase(id);
		expect(await node.calls.call("users.names", { ids: [id] })).toEqual({ [id]: "Deleted user" });
		expect(await node.calls.call("users.active", { ids: [id] })).toEqual({ ids: [] });
		const [row] = await query(node.databaseUrl, "select * from users where id = $1", [id]);
		expect(JSON.stringify(row)).not.toMatch(/Zoë|example|Vienna|de-AT/);
		expect(row).toMatchObject({ deleted_at: expect.any(Date) });
		await until(() =>
			events.some(({ name, payload }) => name === "user.erased" && (payload as { userId: string }).userId === id),
		);
	});

	test("who is erased stays erased: again is harmless, and putting the person anew is refused", async () => {
		const id = randomUUID();
		await putUser({ id, ...person });
		await erase(id);
		const [{ deleted_at } = {}] = await query(node.databaseUrl, "select deleted_at from users where id = $1", [id]);
		await erase(id);
		await expect(putUser({ id, ...person })).rejects.toMatchObject({ type: "ERASED", code: 409 });
		expect(await query(node.databaseUrl, "select name, deleted_at from users where id = $1", [id])).toEqual([
			{ name: "Deleted user", deleted_at },
		]);
	});

	test("an update that races with the erasure never gives the name back", async () => {
		for (let round = 0; round < 10; round++) {
			const id = randomUUID();
			await putUser({ id, ...person });
			const puts = Array.from({ length: 4 }, () => putUser({ id, ...person }).catch((error: { type: string }) => error.type));
			const outcomes = await Promise.all([erase(id), ...puts]);
			expect(outcomes.filter((outcome) => typeof outcome === "string" && outcome !== "ERASED")).toEqual([]);
			expect(await node.calls.call("users.names", { ids: [id] })).toEqual({ [id]: "Deleted user" });
		}
	});

	test("the puts of a new person that race with an erasure never give the name back", async () => {
		const undone: string[] = [];
		const refusals = new Set<string>();
		for (let round = 0; round < 50; round++) {
			const id = randomUUID();
			const puts = Array.from({ length: 3 }, () => putUser({ id, ...person }).catch((error: { type: string }) => error.type));
			const isErased = until(() => erase(id).then(() => true), { intervalMs: 0 });
			for (const outcome of await Promise.all([isErased, ...puts])) if (typeof outcome === "string") refusals.add(outcome);
			const [row] = await query(node.databaseUrl, "select name, email, locale, timezone from users where id = $1", [id]);
			if (JSON.stringify(row) !== JSON.stringify({ name: "Deleted user", email: null, locale: null, timezone: null }))
				undone.push(id);
		}
		expect(undone).toEqual([]);
		expect([...refusals].filter((code) => code !== "ERASED")).toEqual([]);
	});

	test("who never was cannot be erased, and has neither a name nor a way in", async () => {
		const id = randomUUID();
		await expect(erase(id)).rejects.toMatchObject({ type: "NOT_FOUND" });
		expect(await node.calls.call("users.names", { ids: [id] })).toEqual({});
		expect(await node.calls.call("users.active", { ids: [id] })).toEqual({ ids: [] });
	});

	test.each<[string, object, string]>([
		["without a name", { name: undefined }, "name"],
		["with a blank name", { name: " \n " }, "name"],
		["with a name of 201 characters", { name: "x".repeat(201) }, "name"],
		["with NUL in the name", { name: "a\0b" }, "name"],
		["with half a character in the name", { name: "a\ud83d" }, "name"],
		["without an id", { id: "" }, "id"],
		["with an id of 129 characters", { id: "x".repeat(129) }, "id"],
		["with NUL in the id", { id: "a\0" }, "id"],
		["with a number as id", { id: 1 }, "id"],
		["with an e-mail address that is none", { email: "zoe at example.org" }, "email"],
		["with a locale that is none", { locale: "de_AT!" }, "locale"],
		["with a time zone that is none", { timezone: "Vienna" }, "timezone"],
	])("%s is refused", async (_what, wrong, path) => {
		const attempt = putUser({ id: randomUUID(), ...person, ...wrong });
		await expect(attempt).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: [{ path }] });
	});
});

describe("an application", () => {
	test("is the same however often it is put, and takes the newest title and status", async () => {
		const { jobApplicationId: id, applicantId, employerId } = await registerApplication(node.calls);
		const put = (status: string) => putApplication({ id, applicantId, employerId, jobTitle: "Cook", status });
		const all = await Promise.all(Array.from({ length: 10 }, () => put("OPEN")));
		const last = await put("HIRED");
		expect(new Set([...all, last].map(({ createdAt }) => createdAt)).size).toBe(1);
		expect(last).toEqual({ ...last, id, applicantId, employerId, jobTitle: "Cook", status: "HIRED" });
		expect(await node.calls.call("applications.get", { id })).toEqual(last);
		expect(await node.calls.call("applications.titles", { ids: [id, "unknown"] })).toEqual({ [id]: "Cook" });
	});

	test("needs two people who are registered and not erased", async () => {
		const applicantId = await registerUser(node.calls);
		const employerId = await registerUser(node.calls);
		const application = { id: randomUUID(), applicantId, employerId, jobTitle: "Cook", status: "OPEN" };
		const unregistered = { type: "VALIDATION_FAILED", data: [{ path: "employerId", message: "is not a registered user" }] };
		await expect(putApplication({ ...application, employerId: "nobody" })).rejects.toMatchObject(unregistered);
		await expect(putApplication({ ...application, employerId: applicantId })).rejects.toMatchObject({
			type: "VALIDATION_FAILED",
			data: [{ path: "employerId", message: "must be another person than the applicant" }],
		});
		await erase(employerId);
		await expect(putApplication(application)).rejects.toMatchObject(unregistered);
	});

	test("that is not there is not found", async () => {
		await expect(node.calls.call("applications.get", { id: randomUUID() })).rejects.toMatchObject({ type: "NOT_FOUND" });
	});
});

function putUser(params: object) {
	return node.calls.call("users.put", params as ActionInput<"users.put">, asPlatform);
}

function erase(id: string) {
	return node.calls.call("users.erase", { id }, asPlatform);
}

function putApplication(params: ActionInput<"applications.put">) {
	return node.calls.call("applications.put", params, asPlatform);
}
