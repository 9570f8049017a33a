import { type Random, seededRandom } from "./random.ts";

const syllables = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu an er in on ul st ter ment al ing".split(" ");

/** Words by rank: the word of rank r comes about 1/r as often as the first, as in real text (Zipf's law). */
export class Vocabulary {
	readonly words: string[];
	readonly #random: Random;

	constructor(seed: number, size: number) {
		this.#random = seededRandom(seed);
		const words = new Set<string>();
		// Frequent words are short.
		while (words.size < size) words.add(this.#word(1 + Math.floor(Math.log10(words.size + 1) / 1.5 + this.#random() * 2)));
		this.words = [...words];
	}

	/** A text of 2 to 40 words. */
	text(): string {
		const count = 2 + Math.floor(38 * this.#random() ** 2);
		return Array.from({ length: count }, () => this.words[Math.floor(this.words.length ** this.#random()) - 1]).join(" ");
	}

	#word(syllableCount: number): string {
		return Array.from({ length: syllableCount }, () => syllables[Math.floor(this.#random() * syllables.length)]).join("");
	}
}
