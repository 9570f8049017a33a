import { listOf, oneOf, rule, text } from "./rule.ts";
import { settingOf } from "./setting.ts";
import { baseUrl, urlOf } from "./urls.ts";

const setting = settingOf("Notifications", ["notifier"]);

const seconds = rule("a number of seconds from 0 to 86400", isSeconds).to(Number);
const subject = rule("a mailto: address or an https:// URL", (value) => /^(?:mailto:\S+@\S+|https:\/\/\S+)$/.test(value));
const hosts = listOf("a comma-separated list of host:port", (value) => /^(?:[\w.-]+|\[[\da-f:.]+\]):\d{1,5}$/i.test(value));

/** How people learn of messages that they have not read. A channel whose settings are not set is off. */
export const notifications = {
	delaySeconds: setting("NOTIFY_DELAY_SECONDS", seconds, {
		default: "30",
		meaning: "How long a message is unread before a person who is not online is notified.",
	}),
	idleDelaySeconds: setting("NOTIFY_IDLE_DELAY_SECONDS", seconds, {
		default: "300",
		meaning: "The same for a person who is connected but away, or has done nothing since the message was delivered.",
	}),
	emailAfterPushSeconds: setting("NOTIFY_EMAIL_AFTER_PUSH_SECONDS", seconds, {
		default: "900",
		meaning: "How long after an accepted push an e-mail follows if the message is still unread.",
	}),
	content: setting("NOTIFY_CONTENT", oneOf(["full", "sender", "none"]), {
		default: "full",
		meaning:
			"What a notification may show: `full` the message's text, `sender` only who wrote about which job, `none` only that there is a message.",
	}),
	email: {
		smtpUrl: setting("SMTP_URL", urlOf(["smtp", "smtps"]), {
			unset: "e-mail is off; while PostgreSQL is embedded, mails are written to `DATA_DIR/mail`",
			meaning:
				"The mail server, with `user:password@` if it needs that. `smtps` is TLS from the start. Requires `MAIL_FROM`; set `APP_URL` too, since mails link to it.",
			secret: true,
		}),
		from: setting("MAIL_FROM", rule("a mail address such as Parley <no-reply@example.org>", isSender), {
			unset: "none",
			meaning: "The sender of all mails.",
		}),
	},
	webPush: {
		publicKey: setting("VAPID_PUBLIC_KEY", text, {
			unset: "made once in `DATA_DIR` while PostgreSQL is embedded, otherwise web push is off",
			meaning: "The public key with which browsers subscribe. Requires `VAPID_PRIVATE_KEY` and `VAPID_SUBJECT`.",
		}),
		privateKey: setting("VAPID_PRIVATE_KEY", text, {
			unset: "as `VAPID_PUBLIC_KEY`",
			meaning: "The key that signs requests to push services.",
			secret: true,
		}),
		subject: setting("VAPID_SUBJECT", subject, {
			unset: "as `VAPID_PUBLIC_KEY`",
			meaning: "Where a push service reaches the operator: `mailto:ops@example.org`, or an https URL.",
		}),
		allow: setting("WEBPUSH_ALLOW", hosts, {
			default: "",
			meaning:
				"`host:port` of push services that may have a private address, and may be without TLS. Devices bring their own push service, so all others must be public.",
		}),
	},
	fcm: {
		credentialsFile: setting("FCM_CREDENTIALS_FILE", text, {
			unset: "FCM is off",
			meaning: "The path of the JSON key of a Google service account that may send through Firebase Cloud Messaging.",
		}),
		endpoint: setting("FCM_ENDPOINT", baseUrl, {
			default: "https://fcm.googleapis.com",
			meaning: "The server of Firebase Cloud Messaging.",
		}),
	},
	apns: {
		keyFile: setting("APNS_KEY_FILE", text, {
			unset: "APNs is off",
			meaning: "The path of the signing key (`.p8`). Requires `APNS_KEY_ID`, `APNS_TEAM_ID` and `APNS_TOPIC`.",
		}),
		keyId: setting("APNS_KEY_ID", text, { unset: "none", meaning: "The id of the signing key." }),
		teamId: setting("APNS_TEAM_ID", text, { unset: "none", meaning: "The id of the developer team." }),
		topic: setting("APNS_TOPIC", text, { unset: "none", meaning: "The bundle id of the app." }),
		endpoint: setting("APNS_ENDPOINT", urlOf(["https"]), {
			default: "https://api.push.apple.com",
			meaning: "The server of Apple's push service. `https://api.sandbox.push.apple.com` is for builds under development.",
		}),
	},
};

function isSeconds(value: string): boolean {
	return /^\d{1,5}$/.test(value) && Number(value) <= 86_400;
}

/** `name <address>` or an address alone, in one line. */
function isSender(value: string): boolean {
	return /^(?:[^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/.test(value);
}
