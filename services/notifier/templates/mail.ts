import { createHash } from "node:crypto";
import { domainToASCII } from "node:url";
import type { Mail } from "../channels/channel.ts";
import { type MailContent, type MailEntry, mailContent } from "./mail-content.ts";
import { mailHtml } from "./mail-html.ts";
import type { ContentShown, Notice } from "./notice.ts";
import { speak } from "./speech.ts";

export interface MailOptions {
	shown: ContentShown;
	/** `APP_URL`. */
	appUrl: string;
	/** With the person's token. */
	unsubscribeUrl: string;
	to: string;
	/** `MAIL_FROM`. Its host is the one of all Message-IDs. */
	from: string;
}

/** The mail of a notice. Nothing that people wrote is in a header, except in the subject. */
export function mailOf(notice: Notice, { shown, appUrl, unsubscribeUrl, to, from }: MailOptions): Mail {
	const speech = speak(notice);
	const content = mailContent(notice, { shown, appUrl, unsubscribeUrl }, speech);
	const host = hostOf(from);
	return {
		to,
		// ASCII goes as it is, and mail programs would decode an encoded word (RFC 2047) that somebody wrote.
		subject: content.subject.replaceAll("=?", "= ?"),
		text: mailText(content),
		html: mailHtml(content, speech),
		headers: {
			"Auto-Submitted": "auto-generated",
			"List-Unsubscribe": `<${content.unsubscribe.url}>`,
			"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		},
		messageId: `<${notice.id}@${host}>`,
		references: `<${threadOf(notice)}@${host}>`,
	};
}

/** An IRI in a header would need SMTPUTF8. */
function hostOf(from: string): string {
	const host = /@([^@>]+)>?$/.exec(from)?.[1] ?? "";
	return domainToASCII(host) || "localhost";
}

/** A user's id may have any characters, and it is the platform's own: its hash is enough to tell threads apart. */
function threadOf({ isDigest, userId, conversations }: Notice): string {
	if (!isDigest) return `conversation.${conversations[0].conversationId}`;
	return `digest.${createHash("sha256").update(userId).digest("hex").slice(0, 32)}`;
}

function mailText({ heading, entries, more, action, why, unsubscribe }: MailContent): string {
	const parts = [heading, ...entries.map(entryText), more, `${action.label}: ${action.url}`];
	const footer = `-- \n${why}\n${unsubscribe.label}: ${unsubscribe.url}\n`;
	return [...parts.filter((part) => part !== null), footer].join("\n\n");
}

/** What a person wrote is quoted, so that it cannot pass for a part of the mail, such as its links. */
function entryText({ sender, job, time, text, note, action }: MailEntry): string {
	const quoted = text?.replace(/^/gm, "> ").replace(/^> $/gm, ">");
	const blocks = [`${sender} · ${job}\n${time}`, quoted, note, action && `${action.label}: ${action.url}`];
	return blocks.filter((block) => block !== null && block !== undefined).join("\n\n");
}
