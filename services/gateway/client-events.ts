import type { Logger, ServiceBroker } from "moleculer";
import { z } from "zod";
import type { Coalescer } from "../../lib/coalescer.ts";
import { type ActionInput, type ActionName, callsOf, type Meta, type Result } from "../../lib/contracts.ts";
import { isUnexpected, ParleyError, publicError } from "../../lib/errors.ts";
import { Id } from "../../lib/schemas.ts";
import { parse } from "../../lib/validation.ts";
import { socketAddress } from "./address.ts";
import type { Authenticate } from "./authenticate.ts";
import type { DeliveryAck } from "./deliver.ts";
import type { PresenceReporter } from "./presence-reporter.ts";
import { queries } from "./routes.ts";
import { signIn } from "./session.ts";
import type { SocketQueries } from "./socket-queries.ts";
import type { ClientSocket, Sockets } from "./sockets.ts";
import type { Verified } from "./token-verifier.ts";

/** What answering a socket's event takes. */
export interface Desk {
	broker: ServiceBroker;
	logger: Logger;
	sockets: Sockets;
	authenticate: Authenticate;
	presence: PresenceReporter;
	acks: Coalescer<DeliveryAck>;
	socketQueries: SocketQueries;
}

type Answer = (desk: Desk, socket: ClientSocket, payload: unknown) => Promise<object>;

/** The events that clients send, and what each is answered with besides `ok`. */
export const clientEvents: Record<string, Answer> = {
	async authenticate(desk, socket, payload) {
		const address = socketAddress(socket, desk.broker.config.trustProxy);
		const verified = await desk.authenticate((payload as { token?: unknown } | null)?.token, address);
		await signIn(desk, socket, verified);
		return { userId: verified.caller.id, expiresAt: new Date(verified.expiresAtMs).toISOString() };
	},
	async send_message(desk, socket, payload) {
		return { message: await call(desk, socket, "messages.send", payload) };
	},
	async mark_read(desk, socket, payload) {
		const { readSeq, unreadCount } = await call(desk, socket, "messages.markRead", payload);
		return { readSeq, unreadCount };
	},
	async join_conversation(desk, socket, payload) {
		const { id } = await call(desk, socket, "conversations.get", payload);
		await socket.join(id);
		return {};
	},
	async leave_conversation(desk, socket, payload) {
		const { id } = await call(desk, socket, "conversations.get", payload);
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
		await desk.presence.report(caller.id);
		return {};
	},
	async sync(desk, socket, payload) {
		desk.socketQueries.take(socket);
		return call(desk, socket, "conversations.sync", payload);
	},
};

/** The device that types is remembered, so that its typing ends when it goes. */
export async function setTyping(desk: Desk, socket: ClientSocket, conversationId: string, typing: boolean): Promise<void> {
	await call(desk, socket, "presence.typing", { conversationId, typing });
	socket.data.typing ??= new Set();
	if (typing) socket.data.typing.add(conversationId);
	else socket.data.typing.delete(conversationId);
}

/** Answers one event through its acknowledgement, or, where there is none and it fails, by an `error` event. */
export async function answerEvent(desk: Desk, socket: ClientSocket, event: string, args: unknown[]): Promise<void> {
	const acknowledge = args.at(-1);
	const payload = typeof args[0] === "function" ? undefined : args[0];
	try {
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
		desk.socketQueries.take(socket);
		if (typeof action !== "string" || !queries.has(action)) throw new ParleyError("NOT_FOUND");
		const result = await call(desk, socket, action as ActionName, typeof params === "function" ? undefined : params);
		if (typeof respond === "function") respond(null, result);
	} catch (error) {
		const shown = show(desk, "call", error);
		if (typeof respond === "function") respond(shown);
		else socket.emit("error", shown);
	}
}

/** The payload is the client's: the action's contract decides whether it will do. */
async function call<N extends ActionName>(desk: Desk, socket: ClientSocket, action: N, payload: unknown): Promise<Result<N>> {
	const meta: Meta = { user: speaker(socket).caller, $via: "socket" };
	return callsOf(desk.broker).call(action, (payload ?? {}) as ActionInput<N>, { meta });
}

function speaker(socket: ClientSocket): Verified {
	if (!socket.data.verified) throw new ParleyError("UNAUTHENTICATED");
	return socket.data.verified;
}

const ConversationRef = z.object({ conversationId: Id });
const PresenceChoice = z.object({ status: z.enum(["online", "away"]) });

function show(desk: Desk, event: string, error: unknown) {
	const shown = publicError(error);
	if (isUnexpected(shown)) desk.logger.error(`${event} failed:`, error);
	return shown;
}
