import { escapeHtml } from "../../../lib/escape-html.ts";
import type { Link, MailContent, MailEntry } from "./mail-content.ts";
import type { Speech } from "./speech.ts";

/**
 * A mail as HTML. Mail programs know less than browsers do: the layout is one column of tables, colours and sizes are inline, and
 * the style sheet has only what a program may ignore. Nothing is loaded from elsewhere. What people wrote is escaped and is not
 * made into links.
 */
export function mailHtml(content: MailContent, { language, direction }: Pick<Speech, "language" | "direction">): string {
	const { subject, heading, preview, entries, more, action, why, unsubscribe } = content;
	const isMany = entries.length > 1;
	const rows = [
		`<h1 class="text" style="${heading1}">${escapeHtml(heading)}</h1>`,
		...entries.map((entry) => entryHtml(entry, isMany)),
		more === null ? "" : `<p class="line meta" style="${moreStyle}">${escapeHtml(more)}</p>`,
		button(action),
	];
	return `<!doctype html>
<html lang="${language}" dir="${direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no">
<meta name="x-apple-disable-message-reformatting">
<title>${escapeHtml(subject)}</title>
<style>${styleSheet}</style>
</head>
<body class="canvas" style="margin:0;padding:0;background:#EFF1F6">
<div style="display:none;max-height:0;overflow:hidden">${escapeHtml(preview)}</div>
<table role="presentation" class="canvas" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#EFF1F6"><tr><td class="around" align="center" style="padding:32px 16px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:560px;table-layout:fixed"><tr><td class="surface inside" align="${direction === "ltr" ? "left" : "right"}" style="padding:32px;background:#FFFFFF;border-radius:16px">
${rows.filter((row) => row !== "").join("\n")}
</td></tr><tr><td class="foot meta" align="center" style="${footStyle}">
${escapeHtml(why)}<br><a class="meta" href="${escapeHtml(unsubscribe.url)}" style="color:#5B667A;text-decoration:underline">${escapeHtml(unsubscribe.label)}</a>
</td></tr></table>
</td></tr></table>
</body>
</html>
`;
}

function entryHtml(entry: MailEntry, isMany: boolean): string {
	const { sender, job, time, text, note, action } = entry;
	const head = [
		`<div class="text" style="${nameStyle}"><bdi>${escapeHtml(sender)}</bdi></div>`,
		`<div class="second" style="${jobStyle}"><bdi>${escapeHtml(job)}</bdi></div>`,
		`<div class="meta" style="${metaStyle}">${escapeHtml(time)}</div>`,
	];
	const said =
		text &&
		`<div class="${isMany ? "" : "bubble "}text" dir="auto" style="${isMany ? previewStyle : bubbleStyle}">${escapeHtml(text)}</div>`;
	const below = [note && escapeHtml(note), action && textLink(action)]
		.filter(Boolean)
		.map((line) => `<div class="second" style="${noteStyle}">${line}</div>`);
	const body = [said, ...below].filter(Boolean).join("\n");
	return `<div class="line" style="margin-top:20px;${isMany ? "padding-top:20px;border-top:1px solid #DFE3EB" : ""}">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="table-layout:fixed"><tr>
<td width="56" valign="top"><div class="avatar" aria-hidden="true" style="${avatarStyle}">${escapeHtml(initialsOf(sender))}</div></td>
<td valign="top">${head.join("")}${isMany ? body : ""}</td>
</tr></table>
${isMany ? "" : body}
</div>`;
}

function button({ label, url }: Link): string {
	return `<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="margin-top:24px"><tr><td class="accent" bgcolor="#4353D0" style="border-radius:22px;background:#4353D0">
<a class="accent" href="${escapeHtml(url)}" style="${buttonStyle}">${escapeHtml(label)}</a></td></tr></table>`;
}

function textLink({ label, url }: Link): string {
	return `<a class="link" href="${escapeHtml(url)}" style="color:#4353D0;font-weight:600;text-decoration:none">${escapeHtml(label)}</a>`;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The first letter, number or symbol of the first and of the last word that has one. */
function initialsOf(name: string): string {
	const firsts = name
		.split(" ")
		.map(firstIn)
		.filter((first) => first !== "");
	return firsts.length > 1 ? `${firsts[0]}${firsts.at(-1)}` : firsts.join("");
}

function firstIn(word: string): string {
	const graphemes = [...segmenter.segment(word)].map(({ segment }) => segment);
	return graphemes.find((grapheme) => /^[\p{L}\p{N}\p{So}]/u.test(grapheme)) ?? "";
}

const font = "font-family:Inter,ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
/** A word without an end must not make the column wider than the screen. */
const breaks = "overflow-wrap:anywhere;word-break:break-word";

const heading1 = `margin:0;${font};font-size:20px;line-height:28px;font-weight:650;letter-spacing:-0.015em;color:#161A23;${breaks}`;
const nameStyle = `${font};font-size:16px;line-height:22px;font-weight:650;color:#161A23;${breaks}`;
const jobStyle = `${font};font-size:14px;line-height:19px;color:#4C5566;${breaks}`;
const metaStyle = `${font};font-size:12px;line-height:16px;color:#5B667A`;
const bubbleStyle = `margin-top:12px;padding:12px 16px;background:#F6F7FA;border-radius:5px 18px 18px 18px;${font};font-size:16px;line-height:24px;color:#161A23;${breaks}`;
const previewStyle = `margin-top:8px;${font};font-size:15px;line-height:21px;color:#161A23;${breaks}`;
const noteStyle = `margin-top:8px;${font};font-size:14px;line-height:20px;color:#4C5566`;
const moreStyle = `margin:20px 0 0;padding-top:20px;border-top:1px solid #DFE3EB;${font};font-size:14px;line-height:20px;color:#5B667A`;
const avatarStyle = `width:44px;height:44px;border-radius:22px;background:#E5E8FD;${font};font-size:15px;line-height:44px;font-weight:600;text-align:center;white-space:nowrap;overflow:hidden;color:#4353D0`;
const buttonStyle = `display:inline-block;padding:11px 24px;border-radius:22px;${font};font-size:16px;line-height:22px;font-weight:600;color:#FFFFFF;text-decoration:none`;
const footStyle = `padding:20px 16px 0;${font};font-size:12px;line-height:18px;color:#5B667A;${breaks}`;

const styleSheet = `
:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (max-width:480px){.around{padding:12px 8px!important}.inside{padding:24px 16px!important}}
@media (prefers-color-scheme:dark){
.canvas{background:#0F1218!important}
.surface{background:#171B23!important}
.bubble{background:#222835!important}
.text{color:#E8EBF2!important}
.second{color:#AEB7C8!important}
.meta{color:#9BA5B8!important}
.line{border-color:#2B3240!important}
.link{color:#9AA6FF!important}
.avatar{background:#272E52!important;color:#9AA6FF!important}
.accent{background:#9AA6FF!important;color:#10142E!important}
}
`;
