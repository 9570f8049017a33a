import type { Crowd } from "./crowd.ts";
import type { Verdict } from "./verify.ts";

/** What a fault did to a crowd. */
export interface Outcome extends Verdict {
	fault: string;
	sent: number;
	acknowledged: number;
	/** The longest time, from the fault on, in which nobody got an acknowledgement. */
	ackGapMs: number;
	/** The same of others' messages. */
	deliveryGapMs: number;
	/** The longest that anybody waited for an acknowledgement, all repetitions included. */
	slowestAckMs: number;
	refusals: Record<string, number>;
}

/** From the fault until the load ended, and whose waiting does not count. */
export interface Span {
	fromMs: number;
	toMs: number;
	/** A conversation. */
	excused: string | undefined;
}

export function outcomeOf(fault: string, crowd: Crowd, verdict: Verdict, { fromMs, toMs, excused }: Span): Outcome {
	const answered = crowd.sent.flatMap(({ sentMs, acknowledged, conversationId }) =>
		acknowledged ? [{ sentMs, atMs: acknowledged.atMs, conversationId }] : [],
	);
	const waited = answered.filter(({ conversationId }) => conversationId !== excused);
	const { lost, duplicated, problems } = verdict;
	return {
		fault,
		sent: crowd.sent.length,
		acknowledged: answered.length,
		lost,
		duplicated,
		problems,
		ackGapMs: longestGap(
			answered.map(({ atMs }) => atMs),
			fromMs,
			toMs,
		),
		deliveryGapMs: longestGap(crowd.deliveredAtMs, fromMs, toMs),
		slowestAckMs: Math.max(0, ...waited.map(({ sentMs, atMs }) => atMs - sentMs)),
		refusals: crowd.refusals,
	};
}

export function table(outcomes: readonly Outcome[]): string {
	const lines = [
		["fault", "sent", "acknowledged", "lost", "duplicated", "no ack for", "no delivery for", "slowest ack", "sent again after"],
		...outcomes.map((one) => [
			one.fault,
			...[one.sent, one.acknowledged, one.lost, one.duplicated].map(String),
			...[one.ackGapMs, one.deliveryGapMs, one.slowestAckMs].map((ms) => `${(ms / 1_000).toFixed(2)} s`),
			refused(one.refusals),
		]),
	];
	const widthOf = (column: number) => Math.max(...lines.map((line) => line[column]?.length ?? 0));
	const align = ([fault = "", ...rest]: string[]) => {
		const refusals = rest.pop();
		return [fault.padEnd(widthOf(0)), ...rest.map((cell, index) => cell.padStart(widthOf(index + 1))), refusals]
			.join("  ")
			.trimEnd();
	};
	return lines.map(align).join("\n");
}

function refused(refusals: Record<string, number>): string {
	const counts = Object.entries(refusals).map(([code, count]) => `${count} ${code}`);
	return counts.join(", ");
}

/** The longest time between two of `times` that began between `fromMs` and `toMs`. */
function longestGap(times: readonly number[], fromMs: number, toMs: number): number {
	const inOrder = [fromMs, ...times.filter((time) => time >= fromMs)].sort((one, other) => one - other);
	const gaps = inOrder.map((time, index) => (time < toMs ? (inOrder[index + 1] ?? toMs) - time : 0));
	return Math.max(0, ...gaps);
}
