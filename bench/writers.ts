import type { Random } from "./random.ts";

/** Sends one message as that person and calls back when it was answered. */
export type Send = (person: number, answered: (ok: boolean) => void) => void;

const AFTER_REFUSAL_MS = 100;

/** Closed loop: each person has `outstanding` sends unanswered until `signal` aborts. */
export function keepOutstanding(people: number, outstanding: number, send: Send, signal: AbortSignal): void {
	const next = (person: number): void => {
		if (signal.aborted) return;
		send(person, (ok) => {
			// Without the pause a server that refuses everything would be measured at how fast it refuses.
			if (ok) next(person);
			else setTimeout(next, AFTER_REFUSAL_MS, person);
		});
	};
	for (let person = 0; person < people; person++) for (let i = 0; i < outstanding; i++) next(person);
}

/** Open loop: sends arrive as a Poisson process over all people, whatever the answers do, until `signal` aborts. */
export function sendAtRate(people: number, perSecond: number, random: Random, send: Send, signal: AbortSignal): void {
	let dueMs = performance.now();
	const tick = (): void => {
		if (signal.aborted) return;
		for (const now = performance.now(); dueMs <= now; dueMs += (-Math.log(1 - random()) / perSecond) * 1000) {
			send(Math.floor(random() * people), () => {});
		}
		setTimeout(tick, dueMs - performance.now());
	};
	tick();
}
