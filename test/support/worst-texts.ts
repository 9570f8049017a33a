/** Longest message, in code points. */
const length = 5_000;

/** `part` again and again, up to the longest message. */
export function filled(part: string, before = ""): string {
	const chars = Array.from(part);
	const room = length - Array.from(before).length;
	return before + Array.from({ length: room }, (_, i) => chars[i % chars.length]).join("");
}

const distinct = (count: number) => Array.from({ length: count }, (_, i) => String.fromCodePoint(0x4e00 + i)).join("");

/** The longest messages that are the most work for what reads texts: marks, links, tags, foldings. */
export const worstTexts: [string, string][] = [
	["words", filled("hello world ")],
	["ampersands", filled("&")],
	["line breaks", filled("a\n")],
	["open brackets", filled("<")],
	["tags", filled("<b>")],
	["tags that never close", filled("<a")],
	["tags within tags", filled("<<b>i>")],
	["tags that appear when others are removed", filled("<<<<<<<<b>b>b>b>b>b>b>b>")],
	["a pyramid of brackets", `${"<".repeat(2_499)}b${">".repeat(2_500)}`],
	["closing tags without their opening ones", `${"<a>".repeat(800)}${"</b>".repeat(650)}`],
	["paragraphs", filled("<p>")],
	["tables", filled("<table><tr><td>")],
	["attributes", `${filled("x ", "<a ").slice(0, -1)}>`],
	["quotes that never close", filled('<a b="')],
	["comments that never close", filled("<!--")],
	["angle brackets with addresses", filled("<a@b>")],
	["angle brackets with links that never close", filled("-", "<http://")],
	["one link with a long host", filled("a", "http://")],
	["one link with a host of distinct characters", `http://${distinct(length - 7)}`],
	["one link with a host of distinct labels", filled(distinct(length).replace(/(..)/gu, "$1."), "http://")],
	["a host of distinct characters after a name", `http://${"@".repeat(9)}${distinct(length - 16)}`],
	["a link with a long path", filled("../", "http://a/")],
	["a link with a path of distinct characters", `http://a/${distinct(length - 9)}`],
	["a link that ends with brackets", filled(")", "http://a/")],
	["links", filled("http://a.b ")],
	["beginnings of links", filled("http://")],
	["links to www", filled(`www.${"a".repeat(63)}.`)],
	["e-mail addresses", filled("a@b.cc ")],
	["at signs", filled("a@")],
	["an e-mail address with many labels", filled("b.", "a@")],
	["an e-mail address that is none in the end", `${filled("bb.", "a@").slice(0, -1)}1`],
	["plus signs", filled("a+")],
	["marks piled up in turns", filled("\u0301\u0323", "a")],
	["marks piled up in the wrong order", `a${"\u0301".repeat(2_500)}${"\u0323".repeat(2_499)}`],
	["marks of five classes", filled("\u0301\u0323\u05b0\u0334\u1dfe", "a")],
	["marks alone", filled("\u0301")],
	["skin tones piled up", filled("🏽", "👍")],
	["families", filled("👩‍")],
	["flags", filled("🇦🇹")],
	["letters in parts", filled("\u1100\u1161\u11a8")],
	["half-width letters with their sound marks", filled("\uff76\uff9e")],
	["accents", filled("é")],
	["a letter that is eighteen", filled("\ufdfa")],
	["a letter that is six", filled("\u3316")],
	["distinct characters", distinct(length)],
	["letters beyond the basic plane", filled("𝔘")],
	["signs", filled("!", "b")],
	["letters and spaces", filled("a ", "b ")],
	["one letter", filled("a")],
];
