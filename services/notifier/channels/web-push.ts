import http from "node:http";
import https, { type AgentOptions } from "node:https";
import webPush from "web-push";
import { attemptTimeoutMs, type Device, type Outcome, type PushChannel, type PushNotice } from "./channel.ts";
import { failureOf, outcomeOfStatus } from "./outcomes.ts";
import { post } from "./post.ts";
import { isAllowed, PrivateAddress, publicLookup, type Resolve, refusalOf } from "./safe-address.ts";
import { shortenToFit } from "./shorten.ts";

export interface WebPushSettings {
	vapid: { publicKey: string; privateKey: string; subject: string };
	/** WEBPUSH_ALLOW */
	allow: string[];
}

/**
 * Web push (RFC 8030, 8291, 8292) to whatever push service a browser has. The library encrypts and signs. The request is ours: the
 * library's own reads an answer of any length, and waits for one that never ends.
 *
 * It cannot take a push away: browsers show a notification for each push, so nothing silent can be sent. Such content is refused.
 */
export function openWebPush(
	{ vapid, allow }: WebPushSettings,
	{ resolve, timeoutMs = attemptTimeoutMs - 1_000 }: { resolve?: Resolve; timeoutMs?: number } = {},
): PushChannel {
	const lookup = publicLookup(resolve);
	const guarded = new https.Agent({ ...agentOptions, lookup });
	const allowed = { "https:": new https.Agent(agentOptions), "http:": new http.Agent(agentOptions) };

	async function send({ address, keys }: Device, notice: PushNotice): Promise<Outcome> {
		const url = URL.parse(address);
		const refusal = url ? refusalOf(url, allow) : "must be an https URL";
		if (!url || refusal !== null) return { kind: "refused", reason: `the address ${refusal}` };
		const request = encrypted(url, keys, notice, vapid);
		if (!request) return { kind: "refused", reason: "the device's keys cannot be used" };
		const agent = isAllowed(url, allow) ? allowed[url.protocol === "http:" ? "http:" : "https:"] : guarded;
		try {
			const { status, headers } = await post(url, { ...request, agent, timeoutMs });
			return outcomeOf(status, headers);
		} catch (error) {
			return error instanceof PrivateAddress
				? { kind: "refused", reason: "the address must not be a private address" }
				: failureOf(error);
		}
	}

	return {
		send: async (device, content) =>
			content.kind === "CLEARED" ? { kind: "refused", reason: "web push cannot clear" } : send(device, content),
		async close() {
			for (const agent of [guarded, ...Object.values(allowed)]) agent.destroy();
		},
	};
}

/** Undefined when the device's keys are not such keys. */
function encrypted(url: URL, keys: Device["keys"], notice: PushNotice, vapidDetails: WebPushSettings["vapid"]) {
	if (!keys) return undefined;
	const payload = payloadOf(shortenToFit(notice, maxPayloadBytes, (shorter) => Buffer.byteLength(payloadOf(shorter))));
	try {
		const { headers, body } = webPush.generateRequestDetails({ endpoint: url.href, keys }, payload, {
			vapidDetails,
			topic: notice.collapseKey,
			TTL: timeToLiveSeconds,
			urgency: "high",
		});
		return { headers: headers as Record<string, string | number>, body };
	} catch {
		return undefined;
	}
}

/** What the service worker gets. */
function payloadOf({ kind, id, conversationId, seq, title, body, url, count, badge, collapseKey }: PushNotice): string {
	return JSON.stringify({ kind, id, conversationId, seq, title, body, url, count, badge, tag: collapseKey });
}

function outcomeOf(status: number, headers: http.IncomingHttpHeaders): Outcome {
	const reason = `HTTP ${status}`;
	if (status === 404 || status === 410) return { kind: "gone", reason };
	// The body says more, but it is text of a stranger's server.
	if (status === 401 || status === 403) return { kind: "refused", reason: `${reason}: the push service refuses our VAPID keys` };
	return outcomeOfStatus(status, reason, headers);
}

const timeToLiveSeconds = 24 * 3_600;

/** Push services accept 4096 bytes. Encryption adds a header of 86 bytes, a delimiter and a tag of 16 bytes. */
const maxPayloadBytes = 4_096 - 86 - 1 - 16;

/** Most devices share a few push services. The limits are for those who bring a push service of their own. */
const agentOptions: AgentOptions = {
	keepAlive: true,
	maxSockets: 50,
	maxFreeSockets: 5,
	maxTotalSockets: 500,
	// Closes a connection that nobody used for so long.
	timeout: 30_000,
};
