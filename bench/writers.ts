import type { Random } from "./random.ts";

/** Sends one message as this person and calls back when it is answered. */
export type Send = (person: number, answered: (ok: boolean) => void) => void;

const afterRefusalMs = 100;

/** Closed loop: each person has `outstanding` sends unanswered until `signal` aborts. */
export function keepOutstanding(people: number, outstanding: number, send: Send, signal: AbortSignal): void {
	const next = (person: number): void => {
		if (signal.aborted) return;
		send(person, (ok) => {
			// Without this pause the bench would measure how fast a server refuses.
			if (ok) next(person);
			else setTimeout(next, afterRefusalMs, person);
		});
	};
	for (let person = 0; person < people; person++) for (let i = 0; i < outstanding; i++) next(person);
}

/** Open loop: sends are a Poisson process over all people and do not wait for answers, until `signal` aborts. */
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
