import { type Database, statement } from "../../../mixins/database.ts";
import type { Calls, Params } from "../../contracts.ts";
import { askByIds } from "../ask-by-ids.ts";
import type { Settings } from "./settings.contract.ts";

/** The settings of a person who has not chosen any. `timezone` is the one that the platform knows. */
export function defaultSettings(timezone: string | null): Settings {
	return {
		newMessage: { inApp: true, email: true, push: true },
		quietHours: { enabled: false, start: "22:00", end: "07:00", timezone: timezone ?? "UTC" },
		digest: { enabled: false, windowMinutes: 15 },
	};
}

/** The settings of these people, by their ids. `contacts` has their time zones, as `users.contacts` knows them. */
export async function settingsOf(
	db: Database,
	contacts: ReadonlyMap<string, { timezone: string | null }>,
): Promise<Map<string, Settings>> {
	const people = [...contacts];
	const settings = new Map(people.map(([userId, { timezone }]) => [userId, defaultSettings(timezone)]));
	const rows = await db.query<SettingsRow>(settingsStatement, [people.map(([userId]) => userId)]);
	for (const row of rows) settings.set(row.user_id, toSettings(row, settings.get(row.user_id)?.quietHours.timezone));
	return settings;
}

/** The settings of one person. Somebody of whom the platform knows no time zone has UTC. */
export async function settingsOfUser(db: Database, calls: Pick<Calls, "call">, userId: string): Promise<Settings> {
	const contacts = await askByIds([userId], (ids) => calls.call("users.contacts", { ids }));
	const timezone = contacts.get(userId)?.timezone ?? null;
	return (await settingsOf(db, new Map([[userId, { timezone }]]))).get(userId) ?? defaultSettings(timezone);
}

/** Replaces all settings of a person. */
export async function putSettings(
	db: Database,
	userId: string,
	{ newMessage, quietHours, digest }: Params<"notifier.putSettings">,
): Promise<void> {
	await db.query(putStatement, [
		userId,
		newMessage.inApp,
		newMessage.email,
		newMessage.push,
		quietHours.enabled,
		quietHours.start,
		quietHours.end,
		quietHours.timezone ?? null,
		digest.enabled,
		digest.windowMinutes,
	]);
}

/** Turns the mails off. A person without settings gets the defaults for everything else. */
export async function turnOffEmail(db: Database, userId: string): Promise<void> {
	const { newMessage, quietHours, digest } = defaultSettings(null);
	await db.query(turnOffEmailStatement, [
		userId,
		newMessage.inApp,
		newMessage.push,
		quietHours.enabled,
		quietHours.start,
		quietHours.end,
		digest.enabled,
		digest.windowMinutes,
	]);
}

interface SettingsRow {
	user_id: string;
	in_app: boolean;
	email: boolean;
	push: boolean;
	quiet_enabled: boolean;
	quiet_start: string;
	quiet_end: string;
	quiet_timezone: string | null;
	digest_enabled: boolean;
	digest_window_minutes: number;
}

function toSettings(row: SettingsRow, platformTimezone = "UTC"): Settings {
	return {
		newMessage: { inApp: row.in_app, email: row.email, push: row.push },
		quietHours: {
			enabled: row.quiet_enabled,
			start: row.quiet_start,
			end: row.quiet_end,
			timezone: row.quiet_timezone ?? platformTimezone,
		},
		digest: { enabled: row.digest_enabled, windowMinutes: row.digest_window_minutes },
	};
}

const settingsStatement = statement("notifier.settings", "select * from notification_settings where user_id = any ($1)");

const putStatement = statement(
	"notifier.putSettings",
	`insert into notification_settings
		(user_id, in_app, email, push, quiet_enabled, quiet_start, quiet_end, quiet_timezone, digest_enabled, digest_window_minutes)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
	on conflict (user_id) do update set
		in_app = excluded.in_app, email = excluded.email, push = excluded.push, quiet_enabled = excluded.quiet_enabled,
		quiet_start = excluded.quiet_start, quiet_end = excluded.quiet_end, quiet_timezone = excluded.quiet_timezone,
		digest_enabled = excluded.digest_enabled, digest_window_minutes = excluded.digest_window_minutes, updated_at = now()`,
);

/** A repetition writes nothing. */
const turnOffEmailStatement = statement(
	"notifier.turnOffEmail",
	`insert into notification_settings
		(user_id, in_app, email, push, quiet_enabled, quiet_start, quiet_end, digest_enabled, digest_window_minutes)
	values ($1, $2, false, $3, $4, $5, $6, $7, $8)
	on conflict (user_id) do update set email = false, updated_at = now() where notification_settings.email`,
);
