/**
 * Whom the notifier should tell of one message, in which way and when. This is written from the rules (docs/protocol.md and what
 * docs/settings.md says of the delays), not from the code, so that a test can compare the two. All times are in seconds after the
 * message, which comes at 23:00 in Vienna.
 */
export interface Cell {
	presence: Presence;
	muted: "never" | "until 23:20" | "for ever";
	quiet: Quiet;
	digest: boolean;
	inApp: boolean;
	email: boolean;
	push: boolean;
	erased: boolean;
	device: "accepts" | "none" | "gone";
}

const presences = ["offline", "offline, delivered", "away", "online, idle", "online, active", "socket is dead"] as const;
export type Presence = (typeof presences)[number];

/** Quiet hours as settings, and when they hold. */
export interface Quiet {
	name: string;
	start: string;
	end: string;
	enabled: boolean;
	/** Null: as the platform knows it. */
	timezone: "Europe/Vienna" | null;
	from: number;
	until: number;
}

export interface Expected {
	/** At once, on the sockets of a person who is connected. */
	inApp: boolean;
	push: number | undefined;
	email: number | undefined;
}

/** A person who is active does something every minute until here. */
export const lastAct = 1_000;
export const mutedUntil = 1_200;
export const digestWindowMinutes = 15;

const delay = 30;
const idleDelay = 300;
const emailAfterPush = 900;
/** How much longer a connected person may take to acknowledge a message before the socket counts as dead. */
const receiptDelay = 10;

const minute = 60;
const hour = 3_600;
const off = { enabled: false, timezone: "Europe/Vienna", from: 0, until: 0 } as const;
const vienna = { enabled: true, timezone: "Europe/Vienna" } as const;

export interface Night {
	name: string;
	/** 23:00 in Vienna. */
	startsAtMs: number;
	quiets: Quiet[];
}

/** The next years' nights, because a message that is older than a day is not told of. */
export function nightsOf(year: number): Night[] {
	return [
		{
			name: "an ordinary night",
			startsAtMs: Date.UTC(year, 0, 14, 22),
			quiets: [
				{ name: "no quiet hours", start: "22:00", end: "07:00", ...off },
				{ name: "quiet at other times", start: "09:00", end: "17:00", ...vienna, from: 10 * hour, until: 18 * hour },
				{ name: "quiet before midnight", start: "21:00", end: "23:45", ...vienna, from: -2 * hour, until: 45 * minute },
				{ name: "quiet over midnight", start: "22:00", end: "07:00", ...vienna, timezone: null, from: -hour, until: 8 * hour },
				{ name: "quiet from 23:10 on", start: "23:10", end: "01:00", ...vienna, from: 10 * minute, until: 2 * hour },
			],
		},
		{
			name: "the night in which clocks go from 02:00 to 03:00",
			startsAtMs: lastSundayOf(year, 2) - 2 * hour * 1_000,
			quiets: [
				// 02:30 does not exist: 03:00, an hour after 01:59.
				{ name: "quiet until 02:30", start: "22:00", end: "02:30", ...vienna, from: -hour, until: 3 * hour },
				{ name: "quiet until 07:00", start: "22:00", end: "07:00", ...vienna, from: -hour, until: 7 * hour },
			],
		},
		{
			name: "the night in which clocks go from 03:00 to 02:00",
			startsAtMs: lastSundayOf(year, 9) - 3 * hour * 1_000,
			quiets: [
				// 02:30 comes twice.
				{ name: "quiet until 02:30", start: "22:00", end: "02:30", ...vienna, from: -hour, until: 3.5 * hour },
				{ name: "quiet until 07:00", start: "22:00", end: "07:00", ...vienna, from: -hour, until: 9 * hour },
			],
		},
	];
}

/** Its first moment in UTC. */
function lastSundayOf(year: number, month: number): number {
	const last = new Date(Date.UTC(year, month + 1, 0));
	return last.getTime() - last.getUTCDay() * 24 * hour * 1_000;
}

/** Every combination, with a device that accepts pushes; and with no device, or one that is gone, where pushes are wanted. */
export function cellsOf({ quiets }: Night): Cell[] {
	const cells: Cell[] = [];
	const both = [false, true];
	for (const presence of presences) {
		for (const quiet of quiets) {
			for (const digest of both) {
				for (const muted of ["never", "until 23:20", "for ever"] as const) {
					for (const inApp of both) {
						for (const email of both) {
							for (const push of both) {
								for (const erased of both) {
									cells.push({ presence, muted, quiet, digest, inApp, email, push, erased, device: "accepts" });
								}
							}
						}
					}
				}
				const told = { presence, muted: "never", quiet, digest, inApp: true, email: true, push: true, erased: false } as const;
				cells.push({ ...told, device: "none" }, { ...told, device: "gone" });
			}
		}
	}
	return cells;
}

export function expectedOf({ presence, muted, quiet, digest, inApp, email, push, erased, device }: Cell): Expected {
	if (erased) return { inApp: false, push: undefined, email: undefined };
	const isConnected = !presence.startsWith("offline");
	const isInApp = isConnected && inApp && muted === "never" && !isQuiet(quiet, 0);
	if (muted === "for ever") return { inApp: isInApp, push: undefined, email: undefined };
	const unread = {
		offline: delay,
		"offline, delivered": delay,
		away: idleDelay,
		"online, idle": idleDelay,
		"online, active": lastAct + idleDelay,
		"socket is dead": delay + receiptDelay,
	}[presence];
	const first = afterQuiet(
		quiet,
		Math.max(unread, digest ? digestWindowMinutes * minute : 0, muted === "until 23:20" ? mutedUntil : 0),
	);
	const isPushed = push && device === "accepts";
	return {
		inApp: isInApp,
		// A device that is gone is tried, once.
		push: push && device !== "none" ? first : undefined,
		email: email ? (isPushed ? afterQuiet(quiet, first + emailAfterPush) : first) : undefined,
	};
}

function isQuiet({ enabled, from, until }: Quiet, at: number): boolean {
	return enabled && at >= from && at < until;
}

function afterQuiet(quiet: Quiet, at: number): number {
	return isQuiet(quiet, at) ? quiet.until : at;
}
