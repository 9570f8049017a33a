import { setTimeout as delay } from "node:timers/promises";
import fc, { type Arbitrary } from "fast-check";

/** What came back, as far as a report needs it. */
export interface Answer {
	shown: string;
	/** Something was wrong with the input. */
	isRefusal: boolean;
	/** Something was wrong with Parley. */
	isFailure: boolean;
}

/** One way in, and what is tried there. */
export interface Attack<Input = unknown> {
	name: string;
	inputs: Arbitrary<Input>;
	run(input: Input): Promise<Answer>;
	close(): void;
}

export interface Report {
	name: string;
	runs: number;
	refused: number;
	slowestMs: number;
	/** In milliseconds, each answer's. */
	took: number[];
	/** The smallest input that was answered wrongly, with what was answered; undefined if there is none. */
	failure: string | undefined;
}

/** Longer than this nobody waits for an answer. */
const givenUpMs = 15_000;

/** Tries random inputs for so long, always the same ones with the same seed. An answer that takes longer than `maxMs` is wrong as well. */
export async function carryOut(attack: Attack, options: { forMs: number; seed: number; maxMs: number }): Promise<Report> {
	const report: Report = { name: attack.name, runs: 0, refused: 0, slowestMs: 0, took: [], failure: undefined };
	const property = fc.asyncProperty(attack.inputs, async (input) => {
		const startMs = performance.now();
		const answer = await Promise.race([attack.run(input), giveUp()]);
		const tookMs = performance.now() - startMs;
		report.runs++;
		report.refused += Number(answer.isRefusal);
		report.took.push(tookMs);
		report.slowestMs = Math.max(report.slowestMs, tookMs);
		if (answer.isFailure) throw new Error(answer.shown);
		if (tookMs > options.maxMs) throw new Error(`took ${Math.round(tookMs)} ms: ${answer.shown}`);
	});
	const limits = { interruptAfterTimeLimit: options.forMs, numRuns: 1_000_000, seed: options.seed };
	const { counterexample, errorInstance, counterexamplePath } = await fc.check(property, limits);
	if (counterexample)
		report.failure = `${attack.name}: ${String(errorInstance)}\nafter ${show(counterexample[0])}\nseed ${options.seed}, path ${counterexamplePath}`;
	return report;
}

async function giveUp(): Promise<Answer> {
	await delay(givenUpMs, undefined, { ref: false });
	return { shown: `no answer within ${givenUpMs} ms`, isRefusal: false, isFailure: true };
}

/** Bodies as the text that they are, and not too much of it. */
function show(input: unknown): string {
	const text = JSON.stringify(input, (_key, value) =>
		value?.type === "Buffer" ? Buffer.from(value.data).toString("latin1") : value,
	);
	return text.length > 3_000 ? `${text.slice(0, 3_000)}… (${text.length} characters)` : text;
}
