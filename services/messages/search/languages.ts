/** Languages whose word forms are known, by BCP 47 subtag. The names are those of PostgreSQL's text search configurations. */
const byLocale = {
	ar: "arabic",
	de: "german",
	el: "greek",
	en: "english",
	es: "spanish",
	fr: "french",
	hi: "hindi",
	pt: "portuguese",
	ru: "russian",
	tr: "turkish",
} as const;

/** `simple`: a language without forms. Its words are found as they are. */
export type Language = (typeof byLocale)[keyof typeof byLocale] | "simple";

export const languages: readonly Language[] = [...Object.values(byLocale), "simple"];

/** The language of a locale (BCP 47), for example `german` for `de-AT`. */
export function languageOf(locale: string | null | undefined): Language {
	const subtag = locale?.toLowerCase().split("-", 1)[0];
	return byLocale[subtag as keyof typeof byLocale] ?? "simple";
}

/** Lower case as the language writes it: Turkish has a lower case of I of its own, ı. */
export function lowerCase(text: string, language: Language): string {
	return language === "turkish" ? text.toLocaleLowerCase("tr") : text.toLowerCase();
}
