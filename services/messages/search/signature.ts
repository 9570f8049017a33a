import { foldText } from "../../../lib/fold.ts";
import type { Message } from "../messages.contract.ts";
import { renderHtml } from "../render-html.ts";
import { Kind, kindOf } from "./characters.ts";
import type { Filters, Group, Term } from "./query.ts";

/** What a signature is made of. */
export interface Signed {
	senderId: string;
	type: Message["type"];
	content: string | null;
}

/**
 * A message's signature: a few bits for everything that a search can ask for (superimposed coding, as in a Bloom filter). Each
 * gram of the text sets one bit. A message has what is looked for only if it has all bits of it; whether it really does is
 * then seen in its text. Grams of folded text:
 *
 * 1. three characters in a row, spaces apart: parts of words, `c++`, pieces of addresses and numbers;
 * 2. one solid character, and two in a row: 日, 日本, 👍;
 * 3. the first letter of a word, and the first two: what is searched for before there are three.
 *
 * Longer texts get longer signatures, so that at most about 4 of 10 bits are set. In the form in
 * which PostgreSQL reads a `varbit`.
 */
export function signatureOf({ senderId, type, content }: Signed): string {
	const text = foldText(content ?? "");
	const { bits } = sizes.find(({ maxLength }) => text.length <= maxLength) ?? sizes[2];
	const signature = new Signature(bits);
	signature.add(senderGram(senderId));
	if (type === "IMAGE") signature.add(imageGram);
	if (content !== null && hasLink(content)) signature.add(linkGram);
	signature.addGrams(text, true);
	return signature.toString();
}

/** The lengths in bits, and up to how many characters of folded text each serves. */
const sizes = [
	{ bits: 256, maxLength: 160 },
	{ bits: 1024, maxLength: 640 },
	{ bits: 4096, maxLength: Number.POSITIVE_INFINITY },
] as const;

/**
 * The bits that any match of the group must have, in each of the lengths that a signature may have. Of a term with a part in `shared`,
 * a match need only have that part.
 */
export function masksOf(group: Group, filters: Filters, callerId: string, shared?: ReadonlyMap<Term, string>): string[] {
	return sizes.map(({ bits }) => {
		const mask = new Signature(bits);
		if (filters.from === "me") mask.add(senderGram(callerId));
		if (filters.image) mask.add(imageGram);
		if (filters.link) mask.add(linkGram);
		for (const term of group.all) {
			const part = shared?.get(term);
			if (part !== undefined) {
				mask.addGrams(part, false);
				continue;
			}
			const { pieces, atStart } = term;
			for (const [i, piece] of pieces.entries()) mask.addGrams(piece, i > 0 || atStart);
		}
		return mask.toString();
	});
}

export const signatureSizes = sizes.map(({ bits }) => bits);

/** Whether a text has a link to a page that clients show as such. */
export function hasLink(content: string): boolean {
	return /:\/\/|www\./i.test(content) && renderHtml(content).includes('<a href="http');
}

class Signature {
	readonly #bytes: Buffer;
	readonly #mask: number;

	constructor(bits: number) {
		// From the pool, which an allocation of its own would not be.
		this.#bytes = Buffer.allocUnsafe(bits / 8).fill(0);
		this.#mask = bits - 1;
	}

	add(gram: number): void {
		const bit = gram & this.#mask;
		this.#bytes[bit >> 3] = (this.#bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
	}

	/** `atWord`: the text begins where a word does; else it may be the inside of one, and its first letter tells nothing. */
	addGrams(text: string, atWord: boolean): void {
		let beforeLast = none;
		let last = none;
		let lastKind: Kind = atWord ? space : word;
		let lastStartsWord = false;
		for (let i = 0; i < text.length; i++) {
			const char = text.codePointAt(i) ?? 0;
			if (char > 0xffff) i++;
			const kind = kindOf(char);
			if (kind === space) {
				beforeLast = last = none;
				lastStartsWord = false;
			} else {
				if (lastStartsWord) this.add(hash(2, last, char));
				lastStartsWord = kind === word && lastKind !== word;
				if (lastStartsWord) this.add(hash(1, 0, char));
				if (kind === solid) {
					this.add(hash(3, 0, char));
					if (lastKind === solid && last !== none) this.add(hash(4, last, char));
				}
				if (beforeLast !== none) this.add(hash(beforeLast, last, char));
				beforeLast = last;
				last = char;
			}
			lastKind = kind;
		}
	}

	toString(): string {
		return `x${this.#bytes.toString("hex")}`;
	}
}

const none = -1;
const { space, word, solid } = Kind;

const { imul } = Math;

/** Any well mixed hash will do, but once messages are stored it must stay as it is. */
function hash(a: number, b: number, c: number): number {
	let h = imul(a, 0xcc9e2d51) ^ imul(b, 0x9e3779b1) ^ imul(c, 0x27d4eb2f);
	h = imul(h ^ (h >>> 15), 0x2c1b3c6d);
	return h ^ (h >>> 13);
}

const imageGram = hash(5, 0, 0);
const linkGram = hash(6, 0, 0);

function senderGram(userId: string): number {
	let h = 7;
	for (let i = 0; i < userId.length; i++) h = hash(h, i, userId.charCodeAt(i));
	return h;
}
