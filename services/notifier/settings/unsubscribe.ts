import { createHmac, timingSafeEqual } from "node:crypto";
import { type Database, statement } from "../../../mixins/database.ts";
import type { Calls } from "../../contracts.ts";
import { type Speech, speak } from "../templates/speech.ts";
import { turnOffEmail } from "./settings.ts";
import { type PageKind, unsubscribePage } from "./unsubscribe-page.ts";

/** An answer to a browser or a mail program. */
export interface Page {
	status: 200 | 404;
	html: string;
}

/** The URL in a mail. GET shows a page, and POST turns the mails off (RFC 8058). */
export async function unsubscribeUrl(db: Database, appUrl: string, userId: string): Promise<string> {
	return `${appUrl}/notifications/unsubscribe?token=${await unsubscribeToken(db, userId)}`;
}

/** Asks whether mails shall be off. It changes nothing, because scanners of mail open the links in it. */
export async function askToUnsubscribe(db: Database, calls: Pick<Calls, "call">, token: string): Promise<Page> {
	const userId = await userOfUnsubscribeToken(db, token);
	return userId === null ? invalid() : pageFor(calls, userId, "ask");
}

/** Turns the mails off. It may be called any number of times, also for a person who was erased. */
export async function unsubscribe(db: Database, calls: Pick<Calls, "call">, token: string): Promise<Page> {
	const userId = await userOfUnsubscribeToken(db, token);
	if (userId === null) return invalid();
	await turnOffEmail(db, userId);
	return pageFor(calls, userId, "done");
}

const invalid = (): Page => ({ status: 404, html: unsubscribePage("invalid", speak({ locale: null, timezone: null })) });

async function pageFor(calls: Pick<Calls, "call">, userId: string, kind: PageKind): Promise<Page> {
	return { status: 200, html: unsubscribePage(kind, await speechOf(calls, userId)) };
}

/** An erased person has no locale any more. */
async function speechOf(calls: Pick<Calls, "call">, userId: string): Promise<Speech> {
	const contacts = await calls.call("users.contacts", { ids: [userId] });
	return speak({ locale: contacts[userId]?.locale ?? null, timezone: null });
}

/**
 * A token with which somebody who need not sign in turns off the mails of one person, and nothing else: `v1`, the person's id, and
 * an HMAC-SHA-256 of both, in base64url. It does not expire, since mails are kept for years.
 */
export async function unsubscribeToken(db: Database, userId: string): Promise<string> {
	return sign(await keyOf(db), `${version}.${Buffer.from(userId).toString("base64url")}`);
}

/** The person of a token; null if the token was not made by `unsubscribeToken`. */
export async function userOfUnsubscribeToken(db: Database, token: string): Promise<string | null> {
	const [found, id = "", ...rest] = token.split(".");
	if (found !== version || rest.length !== 1) return null;
	const given = Buffer.from(token);
	const made = Buffer.from(sign(await keyOf(db), `${version}.${id}`));
	if (given.length !== made.length || !timingSafeEqual(given, made)) return null;
	return Buffer.from(id, "base64url").toString();
}

const version = "v1";

function sign(key: Buffer, signed: string): string {
	return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** The key never changes, so it is read once for each pool. */
const keys = new WeakMap<Database, Promise<Buffer>>();

function keyOf(db: Database): Promise<Buffer> {
	const known = keys.get(db);
	if (known) return known;
	const reading = readKey(db);
	keys.set(db, reading);
	// A failure is for those who wait now. The next one reads it again.
	reading.catch(() => keys.delete(db));
	return reading;
}

async function readKey(db: Database): Promise<Buffer> {
	const [row] = await db.query<{ key: Buffer }>(keyByName, ["unsubscribe"]);
	if (!row) throw new Error("The table notifier_keys has no key «unsubscribe»: restore the row from a backup.");
	return row.key;
}

const keyByName = statement("notifier-key", "select key from notifier_keys where name = $1");
