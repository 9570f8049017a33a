import sanitizeHtml from "sanitize-html";

/**
 * What is stored of a typed text: trimmed, line ends as LF, HTML tags gone (script and style with their bodies), all else to
 * the byte. Idempotent. It is text, not HTML (`5 <b` survives): what goes into a page is `renderHtml` of it.
 */
export function plainText(typed: string): string {
	let text = typed.includes("\r") ? typed.replace(/\r\n?/g, "\n") : typed;
	for (let pass = 0; pass < maxPasses; pass++) {
		if (!opensMarkup.test(text)) return text.trim();
		const before = text;
		text = withoutTags(before);
		if (text === before) return text.trim();
	}
	return text.replaceAll("<", "").trim();
}

/**
 * The HTML of a stored text: everything escaped, newlines as `<br>`; http, https and `www.` links and e-mail addresses as
 * `<a>`. No other element, no other scheme. Its text in a DOM is the content again, given one from `plainText` without NUL.
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

/** Unicode code points in a text, counted as PostgreSQL's `char_length` does. */
export function codePoints(text: string): number {
	let count = text.length;
	for (let index = 1; index < text.length; index++) {
		if (isSurrogate(text, index, 0xdc00) && isSurrogate(text, index - 1, 0xd800)) count--;
	}
	return count;
}

function isSurrogate(text: string, index: number, half: 0xd800 | 0xdc00): boolean {
	return (text.charCodeAt(index) & 0xfc00) === half;
}

/** Which `<` is taken for markup: not that of `a < b`, `<3` or `</3`. */
const opensMarkup = /<(?:\/?[a-z]|[!?])/i;
const opensNone = /<(?!\/?[a-z]|[!?])/gi;

/** Removing a tag can make one, a level a pass: `<<b>i>`. Whoever nests deeper than this attacks, and loses the brackets. */
const maxPasses = 8;

function withoutTags(text: string): string {
	const html = escapeNonTags(text);
	if (!html.includes("<")) return unescapeHtml(html);
	const stripped = strip(html);
	if (stripped.endsWith(endMark)) return stripped.slice(0, -1);
	// A tag whose quote never closes swallows all that follows; without quotes it ends at its first `>`.
	const unquoted = strip(html.replaceAll('"', "&quot;").replaceAll("'", "&#39;"));
	return unquoted.endsWith(endMark) ? unquoted.slice(0, -1) : stripped;
}

/** Ends what is sanitized, to see whether the end got swallowed; no text here has a CR of its own. */
const endMark = "\r";

function strip(html: string): string {
	return unescapeHtml(sanitizeHtml(html + endMark, { allowedTags: [] }));
}

/** Escapes what sanitize-html would decode (`&`) or would take for markup although it is none. */
function escapeNonTags(text: string): string {
	let html = text
		.replaceAll("&", "&amp;")
		.replace(opensNone, "&lt;")
		.replace(/<(https?:\/\/[^\s<>]+)(?<!--)>/gi, "$1") // <https://a.example>: delimiters of RFC 3986, appendix C
		.replace(/<([\p{L}\p{N}_][^\s<>@"'=/]*@[^\s<>@"'=/]+)(?<!--)>/gu, "&lt;$1&gt;"); // Ada <ada@a.example>
	for (const [open, close] of delimiters) {
		const closed = html.lastIndexOf(close) + 1;
		html = html.slice(0, closed) + html.slice(closed).replaceAll(open, `&lt;${open.slice(1)}`);
	}
	return html;
}

/** What is opened and never closed is text. */
const delimiters = [
	["<", ">"],
	["<!--", "-->"],
	["<![CDATA[", "]]>"],
] as const;

/** One pass over all three, since `&amp;lt;` is a typed `&lt;`. */
function unescapeHtml(html: string): string {
	return html.replace(/&(?:amp|lt|gt);/g, (entity) => (entity === "&amp;" ? "&" : entity === "&lt;" ? "<" : ">"));
}

function escapeHtml(text: string): string {
	return special.test(text) ? text.replace(allSpecial, (char) => escapes[char] ?? char) : text;
}

const special = /[&<>"'\n]/;
const allSpecial = new RegExp(special, "g");
const escapes: Record<string, string> = {
	"&": "&amp;",
	"<": "&lt;",
	">": "&gt;",
	'"': "&quot;",
	"'": "&#39;",
	"\n": "<br>",
};

const mayHaveLink = /:\/\/|www\.|@/i;

/**
 * Instead of linkifyjs, which is quadratic (70 ms for 2,500 times `a.`), links `readme.md`, and takes quotes, `<b>` and direction
 * overrides into a link. Each quantifier here is bounded or stops where the next match may start. No `i` flag: with `u` it
 * takes `ſ` for an s.
 */
const urlStart = /(?<![A-Za-z0-9_])(?:[Hh][Tt]{2}[Pp][Ss]?:\/\/|[Ww]{3}\.(?=[\p{L}\p{N}-]{1,63}\.[\p{L}\p{N}]))/u;
/** No white space, quotes, CJK punctuation (a sentence has no space after it) or anything invisible. */
const urlChar = /[^\s<>"`\\\u3000-\u303f\uff00-\uff1f\p{Cc}\p{Cf}\p{Cs}]/u;
const emailUser = /(?<![\p{Script=Latin}\p{N}_.+-])[A-Za-z0-9_.+-]{1,64}/u;
const emailHost = /(?:[\p{L}\p{N}-]{1,63}\.)+[A-Za-z]{2,63}(?![\p{Script=Latin}\p{N}@])/u;
const linkLike = new RegExp(`${urlStart.source}${urlChar.source}+|${emailUser.source}@${emailHost.source}`, "gu");

/** A sentence's punctuation after a link is not of it; a closing bracket is if it was opened in it, as Wikipedia has them. */
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

/** A host has at most 253 characters. To parse a longer one takes the square of its length where they are not ASCII. */
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
