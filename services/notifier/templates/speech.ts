import { IntlMessageFormat } from "intl-messageformat";
import * as allLanguages from "./languages/index.ts";
import type { Language, MessageKey, MessageValues } from "./messages.ts";
import type { Notice } from "./notice.ts";

/** The languages that people are told in, under their tags. */
export const languages: Readonly<Record<string, Language>> = { ...allLanguages };

/** How one person is spoken to. */
export interface Speech {
	/** BCP 47; for `lang`. */
	language: string;
	direction: Language["direction"];
	say<Key extends MessageKey>(key: Key, values: MessageValues[Key]): string;
	/** A time in the person's time zone. If that is not known, it is in UTC and says so. */
	time(iso: string): string;
	/** «a, b and c». */
	list(items: string[]): string;
}

/** Speaks the language of a locale: `de-AT` is told in German, and what is not known in English. */
export function speak({ locale, timezone }: Pick<Notice, "locale" | "timezone">): Speech {
	const known = knownLocale(locale);
	const language = known.language;
	return {
		language,
		direction: (languages[language] as Language).direction,
		say: (key, values) => String(formatOf(language, key).format(valuesIn(values))),
		time: (iso) => timeFormat(known.toString(), timezone).format(new Date(iso)),
		list: (items) => new Intl.ListFormat(language, { type: "conjunction" }).format(items),
	};
}

function knownLocale(locale: string | null): Intl.Locale {
	try {
		const asked = new Intl.Locale(locale ?? "en");
		if (Object.hasOwn(languages, asked.language)) return asked;
	} catch {
		// The platform's tag is malformed.
	}
	return new Intl.Locale("en");
}

/** Parsing a message takes longer than formatting it. There are as many as languages have messages. */
const formats = new Map<string, IntlMessageFormat>();

function formatOf(language: string, key: MessageKey): IntlMessageFormat {
	const name = `${language} ${key}`;
	const known = formats.get(name);
	if (known) return known;
	const format = new IntlMessageFormat((languages[language] as Language).messages[key], language, undefined, { ignoreTag: true });
	formats.set(name, format);
	return format;
}

function valuesIn(values: object): Record<string, string | number> {
	return Object.fromEntries(
		Object.entries(values as Record<string, string | number>).map(([name, value]) => [
			name,
			typeof value === "string" ? isolate(value) : value,
		]),
	);
}

/**
 * A name that is written from right to left would change the order of the words and numbers around it. FSI and PDI prevent that.
 * Names without such letters stay as they are, since some mail programs show the marks.
 */
function isolate(value: string): string {
	return rightToLeft.test(value) ? `\u2068${value}\u2069` : value;
}

const rightToLeft =
	/[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}\p{Script=Samaritan}\p{Script=Mandaic}]/u;

const shownTime = { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" } as const;

function timeFormat(locale: string, timezone: string | null): Intl.DateTimeFormat {
	try {
		if (timezone) return new Intl.DateTimeFormat(locale, { ...shownTime, timeZone: timezone });
	} catch {
		// Another release of the time zone database knew its name.
	}
	return new Intl.DateTimeFormat(locale, { ...shownTime, timeZone: "UTC", timeZoneName: "short" });
}
