import { foldText } from "../../../lib/fold.ts";
import { Kind, kindOf } from "./characters.ts";
import { type Language, lowerCase } from "./languages.ts";

/** The words of a message as they are stored for the index, each once, with spaces between them. */
export interface StoredWords {
	/** Folded. */
	body: string;
	/** Words with accents, which stemmers need, in lower case. Only those that differ from their folded form. */
	accented: string;
}

/**
 * Words that are longer are no words. They are found by signatures. Only words are normalized, never whole texts: piled up marks take the
 * square of their number.
 */
const maxLength = 100;

export function storedWordsOf(content: string, language: Language): StoredWords {
	const body = new Set(wordsOf(foldText(content)).map(({ word }) => word));
	const accented = new Set<string>();
	for (const { word } of wordsOf(lowerCase(content, language))) {
		const composed = word.normalize("NFC");
		if (foldText(composed) !== composed) accented.add(composed);
	}
	return { body: [...body].join(" "), accented: [...accented].join(" ") };
}

/** The ways in which a word is stored: folded, and with its accents. */
export function variantsOf(word: string, language: Language): string[] {
	return [...new Set([foldText(word), lowerCase(word, language).normalize("NFC")])].filter(isWord);
}

/** Whether a text is one word: letters, digits and their marks alone. What is passed to PostgreSQL as a word must be one. */
export function isWord(text: string): boolean {
	const [first, ...others] = wordsOf(text);
	return first?.word === text && others.length === 0;
}

/** The words of a text and where they begin. Solid scripts have none. */
export function wordsOf(text: string): { word: string; start: number }[] {
	const words: { word: string; start: number }[] = [];
	let start = -1;
	for (let i = 0; i <= text.length; i++) {
		const isLetter = i < text.length && kindOf(text.charCodeAt(i)) === Kind.word && text[i] !== "_";
		if (isLetter && start < 0) start = i;
		if (isLetter || start < 0) continue;
		if (i - start <= maxLength) words.push({ word: text.slice(start, i), start });
		start = -1;
	}
	return words;
}
