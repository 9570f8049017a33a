import sanitizeHtml from "sanitize-html";

/**
 * The text that is stored for a typed text: trimmed, with LF as line ends, and without HTML tags. `script` and `style` are
 * removed with their content. Everything else stays unchanged. Applying it twice changes nothing more. The result is text, not
 * HTML (`5 <b` stays as it is). Pages must show it through `renderHtml`.
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

/** A `<` that may begin markup; not the one of `a < b`, `<3` or `</3`. */
const opensMarkup = /<(?:\/?[a-z]|[!?])/i;
const opensNone = /<(?!\/?[a-z]|[!?])/gi;

/**
 * Removing a tag can make another one: `<<b>i>`. Each pass removes one level. From a text with more levels, every `<` is removed.
 */
const maxPasses = 8;

function withoutTags(text: string): string {
	const html = escapeNonTags(text);
	if (!html.includes("<")) return unescapeHtml(html);
	const stripped = strip(html);
	if (stripped.endsWith(endMark)) return stripped.slice(0, -1);
	// A tag with an unclosed quote extends to the end of the text. With its quotes escaped, it ends at the first `>`.
	const unquoted = strip(html.replaceAll('"', "&quot;").replaceAll("'", "&#39;"));
	return unquoted.endsWith(endMark) ? unquoted.slice(0, -1) : stripped;
}

/** Appended before sanitizing. If it is missing afterwards, a tag extended to the end. The texts themselves contain no CR. */
const endMark = "\r";

function strip(html: string): string {
	return unescapeHtml(sanitizeHtml(html + endMark, { allowedTags: [] }));
}

/** Escapes what sanitize-html would decode (`&`), and what it would mistake for markup. */
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

/** An opening delimiter without a closing one is text. */
const delimiters = [
	["<", ">"],
	["<!--", "-->"],
	["<![CDATA[", "]]>"],
] as const;

/** One pass for all three entities: `&amp;lt;` must become `&lt;`, which was typed so, and not `<`. */
function unescapeHtml(html: string): string {
	return html.replace(/&(?:amp|lt|gt);/g, (entity) => (entity === "&amp;" ? "&" : entity === "&lt;" ? "<" : ">"));
}
