import type { KeyObject } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { z } from "zod";
import { attemptTimeoutMs, type Device, type Outcome, type PushChannel, type PushContent, type PushNotice } from "./channel.ts";
import { AccessTokens } from "./google-token.ts";
import { failureOf, outcomeOfStatus } from "./outcomes.ts";
import { type Answer, post } from "./post.ts";
import { shortenToFit } from "./shorten.ts";

/** A service account that may send. */
export interface FcmSettings {
	/** Without a slash at its end. */
	endpoint: string;
	projectId: string;
	clientEmail: string;
	keyId: string | undefined;
	privateKey: KeyObject;
	tokenUri: string;
}

/**
 * Firebase Cloud Messaging, HTTP v1.
 * @param timeoutMs for each of the two requests of an attempt: for the access token, and for the message
 */
export function openFcm(settings: FcmSettings, timeoutMs = attemptTimeoutMs / 2 - 500): PushChannel {
	const agents = { "https:": new https.Agent({ keepAlive: true }), "http:": new http.Agent({ keepAlive: true }) };
	const agentFor = (url: URL) => agents[url.protocol === "http:" ? "http:" : "https:"];
	const tokens = new AccessTokens(settings, agentFor, timeoutMs);
	const url = new URL(`${settings.endpoint}/v1/projects/${encodeURIComponent(settings.projectId)}/messages:send`);

	return {
		async send({ address }, content) {
			try {
				const token = await tokens.get();
				if (typeof token !== "string") return token;
				const answer = await post(url, {
					agent: agentFor(url),
					headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
					body: JSON.stringify({ message: messageOf(address, content) }),
					timeoutMs,
				});
				const outcome = outcomeOf(answer);
				// It may have been revoked. The next attempt asks for another one.
				if (answer.status === 401) tokens.forget(token);
				return outcome;
			} catch (error) {
				return failureOf(error);
			}
		},
		async close() {
			for (const agent of Object.values(agents)) agent.destroy();
		},
	};
}

function messageOf(token: Device["address"], content: PushContent) {
	const android = { collapse_key: content.collapseKey, ttl: "86400s" };
	// FCM delays the urgent messages of an app that shows nothing for them.
	if (content.kind === "CLEARED") return { token, data: dataOf(content), android: { ...android, priority: "NORMAL" } };
	const notice = shortenToFit(content, maxContentBytes, (shorter) => Buffer.byteLength(JSON.stringify(shownOf(shorter))));
	// The tag lets a notification that is shown already be replaced; the collapse key is for those that wait at FCM.
	return { token, ...shownOf(notice), android: { ...android, priority: "HIGH", notification: { tag: content.collapseKey } } };
}

function shownOf(notice: PushNotice) {
	return { notification: { title: notice.title, body: notice.body }, data: dataOf(notice) };
}

/** FCM takes only texts. What a digest does not have is left out. */
function dataOf(content: PushContent): Record<string, string> {
	const { kind, id, conversationId, badge, collapseKey: tag } = content;
	const ofNotice = content.kind === "NEW_MESSAGE" ? { seq: content.seq, url: content.url, count: content.count } : {};
	const values = Object.entries({ kind, id, conversationId, badge, tag, ...ofNotice });
	return Object.fromEntries(values.flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]])));
}

/** FCM accepts 4096 bytes. It does not say how it counts, so some are left. */
const maxContentBytes = 3_900;

/** https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode */
function outcomeOf({ status, headers, text }: Answer): Outcome {
	const error = errorOf(text);
	const code = error?.details.find(({ errorCode }) => errorCode !== undefined)?.errorCode ?? error?.status;
	// Without its code, 404 may also mean a wrong FCM_ENDPOINT. Devices must not be removed then.
	if (code === "UNREGISTERED" || code === "SENDER_ID_MISMATCH") return { kind: "gone", reason: code };
	if (code === "INVALID_ARGUMENT" && error && isAboutToken(error)) return { kind: "gone", reason: "INVALID_ARGUMENT: token" };
	if (status === 401 && code !== "THIRD_PARTY_AUTH_ERROR") return { kind: "failed", reason: code ?? "HTTP 401" };
	return outcomeOfStatus(status, code ?? `HTTP ${status}`, headers);
}

type FcmError = z.infer<typeof fcmError>["error"];

const code = z.string().regex(/^[A-Z_]{1,60}$/);
const violation = z.object({ field: z.string().optional() });
const fcmError = z.object({
	error: z.object({
		status: code.optional(),
		message: z.string().default(""),
		details: z.array(z.object({ errorCode: code.optional(), fieldViolations: z.array(violation).optional() })).default([]),
	}),
});

function errorOf(text: string): FcmError | undefined {
	try {
		return fcmError.parse(JSON.parse(text)).error;
	} catch {
		return undefined;
	}
}

/** FCM gives the same code for a token that cannot be one and for a faulty message. Only the former is the device's fault. */
function isAboutToken({ message, details }: FcmError): boolean {
	const fields = details.flatMap(({ fieldViolations = [] }) => fieldViolations.map(({ field }) => field));
	return fields.includes("message.token") || /registration token is not a valid/i.test(message);
}
