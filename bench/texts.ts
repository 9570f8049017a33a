import type { Random } from "./random.ts";

const vocabularySize = 3000;
const textCount = 4096;
const syllables = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu an er in on ul st ter ment al ing".split(" ");

/**
 * Message bodies of exactly `bytes` ASCII bytes. Some words are more frequent than others, as in real text: the cost of a search index
 * depends on the number of distinct words.
 */
export function messageTexts(random: Random, bytes: number): string[] {
	const words = Array.from({ length: vocabularySize }, () => word(random));
	return Array.from({ length: textCount }, () => text(random, words, bytes));
}

function word(random: Random): string {
	return Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(syllables, random())).join("");
}

function text(random: Random, words: readonly string[], bytes: number): string {
	let result = "";
	while (result.length < bytes) result += `${pick(words, random() ** 3)} `;
	// Servers trim: a space at the end would make the stored text shorter than the one that was sent.
	return `${result.slice(0, bytes - 1)}.`;
}

function pick(list: readonly string[], fraction: number): string {
	return list[Math.floor(fraction * list.length)] ?? "";
}
