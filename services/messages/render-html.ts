import { escapeHtml } from "../../lib/escape-html.ts";

/**
 * The HTML of a stored text. Everything is escaped. Newlines become `<br>`. Links (http, https, `www.`) and e-mail addresses
 * become `<a>`. There is no other element and no other scheme. In a DOM, the text of the HTML equals the content, if that was
 * made by `plainText` and has no NUL.
 */
export function renderHtml(content: string): string {
	if (!mayHaveLink.test(content)) return escapeHtml(content);
	let html = "";
	let end = 0;
	for (const match of content.matchAll(linkLike)) {
		const link = withoutTrailingPunctuation(match[0]);
		const href = hrefOf(link);
		if (authorityLength(href) > maxAuthorityLength || !URL.canParse(href)) continue;
		const attributes = `href="${escapeHtml(href)}" rel="noopener noreferrer nofollow" target="_blank"`;
		html += `${escapeHtml(content.slice(end, match.index))}<a ${attributes}>${escapeHtml(link)}</a>`;
		end = match.index + link.length;
	}
	return html + escapeHtml(content.slice(end));
}

const mayHaveLink = /:\/\/|www\.|@/i;

/**
 * Used instead of linkifyjs, which takes quadratic time (70 ms for 2,500 times `a.`), makes a link of `readme.md`, and includes
 * quotes, `<b>` and direction overrides in links. Each quantifier here is bounded, or stops where the next match may start. There
 * is no `i` flag, because with `u` it makes `ſ` match an s.
 */
const urlStart = /(?<![A-Za-z0-9_])(?:[Hh][Tt]{2}[Pp][Ss]?:\/\/|[Ww]{3}\.(?=[\p{L}\p{N}-]{1,63}\.[\p{L}\p{N}]))/u;
/** No white space, quotes or invisible characters. No CJK punctuation either: it ends a link, since no space follows it. */
const urlChar = /[^\s<>"`\\\u3000-\u303f\uff00-\uff1f\p{Cc}\p{Cf}\p{Cs}]/u;
const emailUser = /(?<![\p{Script=Latin}\p{N}_.+-])[A-Za-z0-9_.+-]{1,64}/u;
const emailHost = /(?:[\p{L}\p{N}-]{1,63}\.)+[A-Za-z]{2,63}(?![\p{Script=Latin}\p{N}@])/u;
const linkLike = new RegExp(`${urlStart.source}${urlChar.source}+|${emailUser.source}@${emailHost.source}`, "gu");

/**
 * Removes the sentence's punctuation after a link. A closing bracket stays if the link contains its opening bracket (Wikipedia).
 */
function withoutTrailingPunctuation(link: string): string {
	let unopened = link.split(")").length - link.split("(").length;
	let end = link.length;
	for (; end > 0; end--) {
		const char = link.charAt(end - 1);
		if (char === ")" ? unopened-- <= 0 : !trailing.includes(char)) break;
	}
	return link.slice(0, end);
}

const trailing = ".,:;!?'*_~…’”»]}";

/** A host has at most 253 characters. Parsing a longer one that is not ASCII takes quadratic time. */
const maxAuthorityLength = 256;

function authorityLength(href: string): number {
	const start = href.indexOf("://") + 3;
	const end = href.slice(start).search(/[/?#]/);
	return start < 3 ? 0 : end < 0 ? href.length - start : end;
}

function hrefOf(link: string): string {
	if (/^https?:/i.test(link)) return link;
	return /^www\./i.test(link) ? `https://${link}` : `mailto:${link}`;
}
