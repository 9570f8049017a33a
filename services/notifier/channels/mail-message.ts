import type { SendMailOptions } from "nodemailer";
import type { Mail } from "./channel.ts";

/** A mail as nodemailer takes it. The recipient is an address and not a text, so that a comma in it does not make two of it. */
export function toMessage({ to, subject, text, html, headers, messageId, references }: Mail, from: string): SendMailOptions {
	return {
		from,
		to: { name: "", address: to },
		subject,
		text,
		html,
		headers,
		messageId,
		references,
		inReplyTo: references,
		xMailer: false,
	};
}
