import { once } from "node:events";
import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import https from "node:https";

export interface Answer {
	status: number;
	headers: IncomingHttpHeaders;
	/** The beginning of the body. */
	text: string;
}

interface Post {
	agent: http.Agent;
	headers: Record<string, string | number>;
	body: string | Buffer;
	/** For everything, from resolving the name to the end of the answer. */
	timeoutMs: number;
}

/**
 * Sends a POST request. Redirects are not followed. Not `fetch`, which has no name resolution of our own, and whose connections
 * cannot be closed.
 */
export async function post(url: URL, { agent, headers, body, timeoutMs }: Post): Promise<Answer> {
	const send = url.protocol === "http:" ? http.request : https.request;
	const request = send(url, { method: "POST", agent, headers, signal: AbortSignal.timeout(timeoutMs) });
	// Errors while the answer is read arrive here too. `beginningOf` notices them.
	request.on("error", () => {});
	const answered = once(request, "response") as Promise<[IncomingMessage]>;
	request.end(body);
	const [response] = await answered;
	return { status: response.statusCode ?? 0, headers: response.headers, text: await beginningOf(response) };
}

/** Never rejects: the status has arrived, and that is what counts. */
async function beginningOf(response: IncomingMessage): Promise<string> {
	let text = "";
	try {
		response.setEncoding("utf8");
		for await (const chunk of response) {
			text += chunk;
			// Leaving the loop closes the connection.
			if (text.length > maxAnswerLength) break;
		}
	} catch {
		// The connection broke, or the time is over.
	}
	return text.slice(0, maxAnswerLength);
}

const maxAnswerLength = 8_192;
