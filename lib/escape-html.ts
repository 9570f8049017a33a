/** A text as HTML, in an element or in a quoted attribute. Newlines become `<br>`. */
export function escapeHtml(text: string): string {
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
