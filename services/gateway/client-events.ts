import { z } from "zod";
import { isUnexpected, ParleyError, publicError } from "../../lib/errors.ts";
import { Gate } from "../../lib/gate.ts";
import { rateLimited } from "../../lib/rate.ts";
import { Id } from "../../lib/schemas.ts";
import { parse } from "../../lib/validation.ts";
import type { ActionName } from "../contracts.ts";
import { socketAddress } from "./address.ts";
import { callAs, type Desk, speaker } from "./gateway-context.ts";
import { queries } from "./routes.ts";
import { signIn } from "./session.ts";
import { dropSlow, roomFor } from "./slow-consumer.ts";
import type { ClientSocket } from "./sockets.ts";
import { setTyping, tellTypists } from "./typing.ts";

/** Answers have up to half a megabyte. */
const questionsAtOnce = 4;
/** Only of a socket whose queries are not limited so many come. */
const maxQuestionsWaiting = 1_000;

type Answer = (desk: Desk, socket: ClientSocket, payload: unknown) => Promise<object>;

/** The events that clients send, and what each is answered with besides `ok`. */
export const clientEvents: Record<string, Answer> = {
	async authenticate(desk, socket, payload) {
		const address = socketAddress(socket, desk.broker.config.trustProxy);
		const verified = await desk.authenticate((payload as { token?: unknown } | null)?.token, address);
		if (!socket.connected) throw new ParleyError("UNAVAILABLE");
		await signIn(desk, socket, verified);
		return { userId: verified.caller.id, expiresAt: new Date(verified.expiresAtMs).toISOString() };
	},
	async send_message(desk, socket, payload) {
		return { message: await callAs(desk, socket, "messages.send", payload) };
	},
	async mark_read(desk, socket, payload) {
		const { readSeq, unreadCount } = await callAs(desk, socket, "messages.markRead", payload);
		return { readSeq, unreadCount };
	},
	async join_conversation(desk, socket, payload) {
		const { id, participants } = await callAs(desk, socket, "conversations.get", payload);
		await socket.join(id);
		const others = participants.map(({ userId }) => userId).filter((userId) => userId !== speaker(socket).caller.id);
		tellTypists(desk, socket, id, others).catch((error: unknown) => desk.logger.debug("Who types was not told:", error));
		return {};
	},
	async leave_conversation(desk, socket, payload) {
		const { id } = await callAs(desk, socket, "conversations.get", payload);
		await setTyping(desk, socket, id, false);
		await socket.leave(id);
		return {};
	},
	async typing_start(desk, socket, payload) {
		const { conversationId } = parse(ConversationRef, payload);
		await setTyping(desk, socket, conversationId, true);
		return {};
	},
	async typing_stop(desk, socket, payload) {
		const { conversationId } = parse(ConversationRef, payload);
		await setTyping(desk, socket, conversationId, false);
		return {};
	},
	async set_presence(desk, socket, payload) {
		const { caller } = speaker(socket);
		if (caller.role !== "user") throw new ParleyError("FORBIDDEN");
		socket.data.status = parse(PresenceChoice, payload).status;
		await desk.presence.report(caller.id, { chosen: true });
		return {};
	},
	async sync(desk, socket, payload) {
		desk.queryLimit.take(socket);
		return inTurn(socket, () => callAs(desk, socket, "conversations.sync", payload));
	},
};

/** Answers one event through its acknowledgement, or, where there is none and it fails, by an `error` event. */
export async function answerEvent(desk: Desk, socket: ClientSocket, event: string, args: unknown[]): Promise<void> {
	const acknowledge = args.at(-1);
	const payload = typeof args[0] === "function" ? undefined : args[0];
	try {
		admit(desk, socket);
		const answer = await (clientEvents[event] as Answer)(desk, socket, payload);
		if (typeof acknowledge === "function") acknowledge({ ok: true, ...answer });
	} catch (error) {
		const shown = show(desk, event, error);
		if (typeof acknowledge === "function") acknowledge({ ok: false, error: shown });
		else socket.emit("error", shown);
	}
}

/** `call`: an action of the white list by its name; answered as `(error, result)`. */
export async function answerCall(desk: Desk, socket: ClientSocket, args: unknown[]): Promise<void> {
	const respond = args.at(-1);
	const [action, params] = args;
	try {
		admit(desk, socket);
		desk.queryLimit.take(socket);
		if (typeof action !== "string" || !queries.has(action)) throw new ParleyError("NOT_FOUND");
		await inTurn(socket, async () => {
			const result = await callAs(desk, socket, action as ActionName, typeof params === "function" ? undefined : params);
			if (typeof respond === "function") respond(null, result);
		});
	} catch (error) {
		const shown = show(desk, "call", error);
		if (typeof respond === "function") respond(shown);
		else socket.emit("error", shown);
	}
}

/** Before anything is done for a socket. RATE_LIMITED. */
function admit(desk: Desk, socket: ClientSocket): void {
	desk.eventLimit.take(socket);
	needRoom(socket);
}

/**
 * Finds an answer to a question. Few at a time for one socket, and there must be room for each: whatever came with it in one packet
 * was let in before any answer could be seen to wait.
 */
function inTurn<Result>(socket: ClientSocket, find: () => Promise<Result>): Promise<Result> {
	socket.data.questions ??= new Gate({ concurrency: questionsAtOnce, maxWaiting: maxQuestionsWaiting });
	return socket.data.questions.pass(async () => {
		needRoom(socket);
		return find();
	});
}

/** RATE_LIMITED while much waits for the socket; one that does not read what it asked for is closed. */
function needRoom(socket: ClientSocket): void {
	const room = roomFor(socket);
	if (room === "enough") return;
	if (room === "slow") dropSlow(socket);
	throw rateLimited({ resetSeconds: 1 });
}

const ConversationRef = z.object({ conversationId: Id });
const PresenceChoice = z.object({ status: z.enum(["online", "away"]) });

function show(desk: Desk, event: string, error: unknown) {
	const shown = publicError(error);
	if (isUnexpected(shown)) desk.logger.error(`${event} failed:`, error);
	return shown;
}
