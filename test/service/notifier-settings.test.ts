import { Database } from "../../mixins/database.ts";
import { settingsOf, turnOffEmail } from "../../services/notifier/settings/settings.ts";
import { asPlatform, tokenOf } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { registerUser } from "../support/platform.ts";
import { request } from "../support/rest.ts";
import { useNodes } from "../support/use-node.ts";

const [node, other] = useNodes({}, {});
let db: Database;

beforeAll(() => {
	db = new Database(node.databaseUrl, () => {});
});

afterAll(() => db.close());

const chosen = {
	newMessage: { inApp: false, email: false, push: true },
	quietHours: { enabled: true, start: "23:30", end: "06:15", timezone: "America/New_York" },
	digest: { enabled: true, windowMinutes: 1440 },
};

const defaults = {
	newMessage: { inApp: true, email: true, push: true },
	quietHours: { enabled: false, start: "22:00", end: "07:00", timezone: "UTC" },
	digest: { enabled: false, windowMinutes: 15 },
};

test("somebody who has chosen nothing has the defaults, in the time zone that the platform knows", async () => {
	const userId = await registerUser(node.calls);
	expect(await get(userId)).toEqual(defaults);
	await moveTo(userId, "Europe/Vienna");
	expect(await get(userId)).toEqual({ ...defaults, quietHours: { ...defaults.quietHours, timezone: "Europe/Vienna" } });
});

test("what is put is what is there, on every node, and putting it again replaces all of it", async () => {
	const userId = await registerUser(node.calls);
	expect(await put(userId, chosen)).toMatchObject({ status: 200, body: chosen });
	expect((await request(other, await tokenOf(userId), "GET /notifications/settings")).body).toEqual(chosen);
	expect((await put(userId, defaults)).body).toEqual(defaults);
	expect(await get(userId)).toEqual(defaults);
});

test.each([[null], [undefined]])(
	"with the time zone %s, it is the one that the platform knows, also when that changes",
	async (timezone) => {
		const userId = await registerUser(node.calls);
		const inUtc = { ...chosen, quietHours: { ...chosen.quietHours, timezone: "UTC" } };
		expect(await put(userId, { ...chosen, quietHours: { ...chosen.quietHours, timezone } })).toMatchObject({
			status: 200,
			body: inUtc,
		});
		await moveTo(userId, "Asia/Kolkata");
		expect(await get(userId)).toMatchObject({ quietHours: { timezone: "Asia/Kolkata" } });
	},
);

test.each<[string, object, string]>([
	["an unknown zone", { quietHours: { ...chosen.quietHours, timezone: "Europe/Atlantis" } }, "quietHours.timezone"],
	["an empty zone", { quietHours: { ...chosen.quietHours, timezone: "" } }, "quietHours.timezone"],
	[
		"a zone of 100,000 characters",
		{ quietHours: { ...chosen.quietHours, timezone: "x".repeat(100_000) } },
		"quietHours.timezone",
	],
	["a time that is none", { quietHours: { ...chosen.quietHours, start: "24:00" } }, "quietHours.start"],
	["a time without a zero", { quietHours: { ...chosen.quietHours, end: "7:00" } }, "quietHours.end"],
	["a time with a line break", { quietHours: { ...chosen.quietHours, end: "07:00\n" } }, "quietHours.end"],
	["an end that is the start", { quietHours: { ...chosen.quietHours, end: "23:30" } }, "quietHours.end"],
	["a window of nothing", { digest: { enabled: true, windowMinutes: 0 } }, "digest.windowMinutes"],
	["a window of more than a day", { digest: { enabled: true, windowMinutes: 1441 } }, "digest.windowMinutes"],
	["half a minute", { digest: { enabled: true, windowMinutes: 1.5 } }, "digest.windowMinutes"],
	["a way that is missing", { newMessage: { inApp: true, email: true } }, "newMessage.push"],
	["a word for a yes", { newMessage: { ...chosen.newMessage, email: "yes" } }, "newMessage.email"],
	["a part that is missing", { digest: undefined }, "digest"],
])("%s is refused with its path, and nothing changes", async (_what, wrong, path) => {
	const userId = await registerUser(node.calls);
	await put(userId, chosen);
	const { status, body } = await put(userId, { ...defaults, ...wrong });
	expect({ status, body }).toMatchObject({
		status: 400,
		body: { error: { code: "VALIDATION_FAILED", details: expect.arrayContaining([expect.objectContaining({ path })]) } },
	});
	expect(await get(userId)).toEqual(chosen);
});

test("of settings that are put at once on two nodes, those of one are there as a whole", async () => {
	const userId = await registerUser(node.calls);
	const token = await tokenOf(userId);
	await Promise.all(
		[chosen, defaults, chosen, defaults].map(async (settings, i) => {
			const { status } = await request(i < 2 ? node : other, token, "PUT /notifications/settings", settings);
			expect(status).toBe(200);
		}),
	);
	expect([JSON.stringify(chosen), JSON.stringify(defaults)]).toContain(JSON.stringify(await get(userId)));
});

test("the settings of many people are found at once, whatever their ids are", async () => {
	const people = ["__proto__", "constructor", ...(await Promise.all(Array.from({ length: 20 }, () => registerUser(node.calls))))];
	const [first = "", second = ""] = people.slice(2);
	await put(first, chosen);
	await turnOffEmail(db, second);
	const contacts = new Map(people.map((id) => [id, { timezone: "Europe/Paris" }]));
	const settings = await settingsOf(db, contacts);
	expect([...settings.keys()].toSorted()).toEqual(people.toSorted());
	expect(settings.get(first)).toEqual(chosen);
	const inParis = { ...defaults, quietHours: { ...defaults.quietHours, timezone: "Europe/Paris" } };
	expect(settings.get(second)).toEqual({ ...inParis, newMessage: { ...defaults.newMessage, email: false } });
	expect(settings.get("__proto__")).toEqual(inParis);
});

test("turning the mails off keeps everything else, and a repetition writes nothing", async () => {
	const userId = await registerUser(node.calls);
	await put(userId, { ...chosen, newMessage: { inApp: false, email: true, push: false } });
	const version = () => query(node.databaseUrl, "select xmin from notification_settings where user_id = $1", [userId]);
	await turnOffEmail(db, userId);
	expect(await get(userId)).toEqual({ ...chosen, newMessage: { inApp: false, email: false, push: false } });
	const before = await version();
	await turnOffEmail(db, userId);
	expect(await version()).toEqual(before);
});

async function get(userId: string) {
	return (await request(node, await tokenOf(userId), "GET /notifications/settings")).body;
}

async function put(userId: string, settings: object) {
	return request(node, await tokenOf(userId), "PUT /notifications/settings", settings);
}

async function moveTo(id: string, timezone: string) {
	await node.calls.call("users.put", { id, name: "Somebody", timezone }, asPlatform);
}
