import type { Logger, ServiceBroker } from "moleculer";
import { type ActionInput, type ActionName, callsOf, type Meta, type Result } from "../../lib/contracts.ts";
import { isUnexpected, ParleyError, publicError } from "../../lib/errors.ts";
import type { Authenticate } from "./authenticate.ts";
import { queries } from "./routes.ts";
import { signIn } from "./session.ts";
import type { ClientSocket, Sockets } from "./sockets.ts";

/** What answering a socket's event takes. */
export interface Desk {
	broker: ServiceBroker;
	logger: Logger;
	sockets: Sockets;
	authenticate: Authenticate;
}

type Answer = (desk: Desk, socket: ClientSocket, payload: unknown) => Promise<object>;

/** The events that clients send, and what each is answered with besides `ok`. */
export const clientEvents: Record<string, Answer> = {
	async authenticate(desk, socket, payload) {
		const verified = await desk.authenticate((payload as { token?: unknown } | null)?.token);
		signIn(desk.sockets, socket, verified);
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
		await socket.leave(id);
		return {};
	},
};

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
	const { verified } = socket.data;
	if (!verified) throw new ParleyError("UNAUTHENTICATED");
	const meta: Meta = { user: verified.caller };
	return callsOf(desk.broker).call(action, (payload ?? {}) as ActionInput<N>, { meta });
}

function show(desk: Desk, event: string, error: unknown) {
	const shown = publicError(error);
	if (isUnexpected(shown)) desk.logger.error(`${event} failed:`, error);
	return shown;
}
