import type { Outcome } from "./channel.ts";

/** What nodemailer says of an attempt that failed. */
interface SmtpError extends Error {
	code?: string;
	/** What the system said: ECONNREFUSED, DEPTH_ZERO_SELF_SIGNED_CERT. */
	originalCode?: string;
	/** The command that the server answered. */
	command?: string;
	/** The server's answer and its code (RFC 5321). */
	response?: string;
	responseCode?: number;
}

/**
 * What became of an attempt that failed:
 *
 * 1. Before the server was ready for a mail, it is not about this mail, except a login that is refused.
 * 2. 4xx is temporary (RFC 5321, 4.2.1), and so is a connection that breaks.
 * 3. 5xx is final. It means that there is no such recipient if the server says so by an enhanced code (RFC 3463), or if it refuses
 *    the recipient and does not say why. A policy (5.7.x), a full mailbox (5.2.2) or the sender's address (5.1.7, 5.1.8) are no
 *    reason to give up the address.
 *
 * The reason has the codes alone, since servers repeat the recipient in their texts.
 */
export function outcomeOf(error: SmtpError): Outcome {
	const { code = error.name, originalCode = code, command = "", responseCode, response = "" } = error;
	const enhanced = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1];
	const reason = responseCode ? [responseCode, enhanced].filter(Boolean).join(" ") : originalCode;
	if (isBadAddress(code, responseCode)) return { kind: "refused", reason };
	const isAnswer = /^(?:AUTH|MAIL FROM|RCPT TO|DATA)/.test(command);
	if (!isAnswer || !responseCode || responseCode < 500) return { kind: "failed", reason };
	return { kind: isGone(command, responseCode, enhanced) ? "gone" : "refused", reason };
}

/** nodemailer itself refused an address that cannot be said in SMTP. */
function isBadAddress(code: string, responseCode: number | undefined): boolean {
	return code === "EENVELOPE" && responseCode === undefined;
}

function isGone(command: string, code: number, enhanced: string | undefined): boolean {
	if (enhanced && /^5\.(?:1\.(?!7$|8$)|2\.1$)/.test(enhanced)) return true;
	// 5.0.0 and 5.5.0 say no more than the code itself.
	const saysWhy = enhanced !== undefined && !/^5\.[05]\./.test(enhanced);
	return command === "RCPT TO" && !saysWhy && [550, 551, 553].includes(code);
}
