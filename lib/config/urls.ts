import { type Rule, rule } from "./rule.ts";

export function urlOf(schemes: string[]): Rule<string> {
	return rule(`a URL that starts with ${anyOf(schemes)}`, (value) => isUrl(value, schemes));
}

/** One or more, separated by commas. */
export function urlsOf(schemes: string[]): Rule<string> {
	return rule(`one or more URLs, separated by commas, that start with ${anyOf(schemes)}`, (value) =>
		value.split(",").every((url) => isUrl(url.trim(), schemes)),
	);
}

export const httpUrl = urlOf(["http", "https"]);

/** An HTTP URL to which paths are added: its slashes at the end are removed. */
export const baseUrl = httpUrl.to((url) => url.replace(/\/+$/, ""));

function anyOf(schemes: string[]): string {
	return schemes.map((scheme) => `${scheme}://`).join(" or ");
}

function isUrl(value: string, schemes: string[]): boolean {
	const [scheme, rest] = value.split("://", 2);
	// The query may name the host: postgres:///parley?host=/run/postgresql.
	return !/\s/.test(value) && schemes.includes(scheme ?? "") && /^[^/?#]|[?&]host=/.test(rest ?? "") && URL.canParse(value);
}
