/** A text that a rule does not allow. The message says what is allowed. It does not contain the text, which may be a secret. */
export class NotAllowed extends Error {
	override name = "NotAllowed";
}

/** How the text of a variable is checked and becomes a value. */
export class Rule<T> {
	/** What is allowed, for errors and docs/settings.md. */
	readonly allowed: string;
	/** @throws {NotAllowed} */
	readonly parse: (text: string) => T;

	constructor(allowed: string, parse: (text: string) => T) {
		this.allowed = allowed;
		this.parse = parse;
	}

	/** The same rule, with its value converted. */
	to<U>(convert: (value: T) => U): Rule<U> {
		return new Rule(this.allowed, (text) => convert(this.parse(text)));
	}

	/** The same rule with one more condition. `must` completes «must …». */
	where(holds: (value: T) => boolean, must: string): Rule<T> {
		return new Rule(this.allowed, (text) => {
			const value = this.parse(text);
			if (!holds(value)) throw new NotAllowed(`must ${must}`);
			return value;
		});
	}
}

export const text = new Rule("text", (value) => value);

export function rule(allowed: string, holds: (value: string) => boolean): Rule<string> {
	return new Rule(allowed, text.where(holds, `be ${allowed}`).parse);
}

export function oneOf<const T extends string>(values: readonly T[]): Rule<T> {
	const allowed = `one of ${values.join(", ")}`;
	return new Rule(allowed, (value) => {
		const found = values.find((known) => known === value);
		if (found === undefined) throw new NotAllowed(`must be ${allowed}`);
		return found;
	});
}

/** Items separated by commas. Spaces around them and empty items are left out. */
export function listOf(allowed: string, holds: (item: string) => boolean): Rule<string[]> {
	return new Rule(allowed, text.to(itemsOf).where((items) => items.every(holds), `be ${allowed}`).parse);
}

function itemsOf(list: string): string[] {
	return list
		.split(",")
		.map((item) => item.trim())
		.filter((item) => item !== "");
}

export const onOff = oneOf(["on", "off"]).to((value) => value === "on");
