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

/** Which `<` is taken for markup: not that of `a < b`, `<3` or `</3`. */
const opensMarkup = /<(?:\/?[a-z]|[!?])/i;
const opensNone = /<(?!\/?[a-z]|[!?])/gi;

/** Removing a tag can make another one: `<<b>i>`. Each pass removes one level. A text with more levels is an attack: it loses every `<`. */
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
