import { hash } from "node:crypto";
import { escapeHtml } from "../../../lib/escape-html.ts";
import type { MessageKey } from "../templates/messages.ts";
import type { Speech } from "../templates/speech.ts";

/** `ask` has one button, which posts to the URL of the page. */
export type PageKind = "ask" | "done" | "invalid";

/** A page as HTML, without a script. */
export function unsubscribePage(kind: PageKind, { language, direction, say }: Speech): string {
	const { title, text } = messages[kind];
	// The body of this form is the one that mail programs send (RFC 8058).
	const form = `<form method="post"><button name="List-Unsubscribe" value="One-Click">${escapeHtml(say("turnOffMails", {}))}</button></form>`;
	return `<!doctype html>
<html lang="${language}" dir="${direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>${escapeHtml(say(title, {}))}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escapeHtml(say(title, {}))}</h1>
<p>${escapeHtml(say(text, {}))}</p>
${kind === "ask" ? form : ""}
</main>
</body>
</html>
`;
}

const messages: Record<PageKind, { title: MessageKey; text: MessageKey }> = {
	ask: { title: "turnOffTitle", text: "turnOffText" },
	done: { title: "turnedOffTitle", text: "turnedOffText" },
	invalid: { title: "badLinkTitle", text: "badLinkText" },
};

const style = `
:root{color-scheme:light dark}
body{margin:0;padding:48px 16px;background:#EFF1F6;color:#161A23;font:16px/24px Inter,ui-sans-serif,system-ui,sans-serif}
main{max-width:440px;margin:0 auto;padding:32px;border-radius:16px;background:#FFF;overflow-wrap:anywhere}
h1{margin:0 0 12px;font-size:20px;line-height:28px;font-weight:650;letter-spacing:-.015em}
p{margin:0;color:#4C5566}
button{margin-top:24px;min-height:44px;padding:10px 24px;border:0;border-radius:22px;background:#4353D0;color:#FFF;font:inherit;font-weight:600;cursor:pointer}
button:focus-visible{outline:3px solid #4353D0;outline-offset:3px}
@media (max-width:480px){body{padding:16px 8px}main{padding:24px 16px}}
@media (prefers-color-scheme:dark){
body{background:#0F1218;color:#E8EBF2}
main{background:#171B23}
p{color:#AEB7C8}
button{background:#9AA6FF;color:#10142E}
button:focus-visible{outline-color:#9AA6FF}
}
`;

/** The Content-Security-Policy that these pages need: nothing but their style and a form that posts to their own origin. */
export const pagePolicy = [
	"default-src 'none'",
	`style-src 'sha256-${hash("sha256", style, "base64")}'`,
	"form-action 'self'",
	"base-uri 'none'",
	"frame-ancestors 'none'",
].join("; ");
