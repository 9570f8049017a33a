import apn from "@parse/node-apn";
import { ApnsConnection } from "./apns-connection.ts";
import { attemptTimeoutMs, type Outcome, type PushChannel, type PushContent, type PushNotice } from "./channel.ts";
import { shortenToFit } from "./shorten.ts";

export interface ApnsSettings {
	/** An https URL: host and port count. */
	endpoint: string;
	/** The bundle id of the app. */
	topic: string;
	keyId: string;
	teamId: string;
	/** The signing key, as PEM. */
	key: string;
}

/**
 * Apple's push service over HTTP/2, with provider tokens.
 * @param timeoutMs how long nothing may arrive; an attempt ends within twice that time
 */
export function openApns({ endpoint, topic, keyId, teamId, key }: ApnsSettings, timeoutMs = requestTimeoutMs): PushChannel {
	const connection = new ApnsConnection(new URL(endpoint));
	const provider = new apn.Provider({
		token: { key, keyId, teamId },
		address: connection.host,
		port: connection.port,
		requestTimeout: timeoutMs,
		// The notifier repeats attempts, with more time between them.
		connectionRetryLimit: 0,
		heartBeat: pingIntervalMs,
		...connection.options,
	});

	return {
		async send({ address }, content) {
			// It becomes a part of the path.
			if (!/^[0-9a-f]{8,200}$/i.test(address)) return { kind: "gone", reason: "BadDeviceToken" };
			// node-apn waits on while an answer arrives bit by bit.
			const late = setTimeout(() => connection.close(), 2 * timeoutMs);
			try {
				const { failed } = await provider.send(notificationOf(content, topic), address);
				const outcome: Outcome = failed[0] ? outcomeOf(failed[0]) : { kind: "accepted" };
				// Requests that began together end together. The connection that the first of them gets next is not touched.
				if (outcome.kind === "failed" && outcome.reason === noAnswer)
					await connection.close({ openedBefore: Date.now() - timeoutMs / 2 });
				return outcome;
			} catch {
				return { kind: "failed", reason: "the connection failed" };
			} finally {
				clearTimeout(late);
			}
		},
		async close() {
			provider.shutdown();
			await connection.close();
		},
	};
}

function notificationOf(content: PushContent, topic: string): apn.Notification {
	const notification = new apn.Notification();
	notification.topic = topic;
	notification.id = content.id;
	notification.pushType = "alert";
	notification.priority = 10;
	notification.expiry = Math.floor(Date.now() / 1_000) + timeToLiveSeconds;
	notification.rawPayload = content.kind === "CLEARED" ? { aps: { badge: content.badge } } : payloadOf(shortened(content));
	// The notification that is shown is replaced. A clearing only changes the badge.
	if (content.kind === "NEW_MESSAGE") notification.collapseId = content.collapseKey;
	return notification;
}

function shortened(notice: PushNotice): PushNotice {
	return shortenToFit(notice, maxPayloadBytes, (shorter) => Buffer.byteLength(JSON.stringify(payloadOf(shorter))));
}

function payloadOf({ title, body, badge, collapseKey, conversationId, seq, url, count }: PushNotice) {
	const aps = { alert: { title, body }, badge, sound: "default", "thread-id": conversationId ?? collapseKey };
	return { aps, conversationId, seq, url, count };
}

/** https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns */
function outcomeOf({ status, response, error }: apn.ResponseFailure): Outcome {
	const reason = shownReason(response?.reason ?? codeOf(error)) ?? (status ? `HTTP ${status}` : "the connection failed");
	if (gone.has(reason) || status === 410) return { kind: "gone", reason };
	if (temporary.has(reason) || !status || status === 429 || status >= 500) return { kind: "failed", reason };
	return { kind: "refused", reason };
}

const gone = new Set(["BadDeviceToken", "DeviceTokenNotForTopic", "ExpiredToken", "Unregistered"]);
const temporary = new Set(["ExpiredProviderToken", "IdleTimeout", "TooManyProviderTokenUpdates", "TooManyRequests"]);

const noAnswer = "no answer in time";

/** node-apn says what happened only in the messages of its errors, and by what caused them. */
function codeOf(error: Error | undefined): string | undefined {
	if (error?.message === "apn write timeout") return noAnswer;
	const cause = causeOf(error);
	return cause?.code ?? cause?.message;
}

/** The error that began it. In the errors of node-apn `cause` is a function. */
function causeOf(error: NodeJS.ErrnoException | undefined): NodeJS.ErrnoException | undefined {
	const cause = typeof error?.cause === "function" ? error.cause() : error?.cause;
	return cause ? causeOf(cause) : error;
}

/** Nothing but a code goes into the log. */
function shownReason(reason: string | undefined): string | undefined {
	return reason !== undefined && (reason === noAnswer || /^\w{3,60}$/.test(reason)) ? reason : undefined;
}

const timeToLiveSeconds = 24 * 3_600;
const maxPayloadBytes = 4_096;
const requestTimeoutMs = attemptTimeoutMs / 2 - 500;
const pingIntervalMs = 60_000;
