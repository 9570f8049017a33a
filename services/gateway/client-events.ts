import type { z } from "zod";
import { isUnexpected, ParleyError, publicError } from "../../lib/errors.ts";
import { rateLimited } from "../../lib/rate.ts";
import { Semaphore } from "../../lib/semaphore.ts";
import { parse } from "../../lib/validation.ts";
import type { ActionName } from "../contracts.ts";
import { noteActivity } from "./activity.ts";
import { socketAddress } from "./address.ts";
import { type ClientEventContract, type ClientEventName, type ClientEvents, clientEvents } from "./gateway.contract.ts";
import { callAs, type GatewayContext, speaker } from "./gateway-context.ts";
import { queries } from "./routes.ts";
import { signIn } from "./session.ts";
import { dropSlow, roomFor } from "./slow-consumer.ts";
import type { ClientSocket } from "./sockets.ts";
import { setTyping, tellTypists } from "./typing.ts";

/** How many queries of one socket run at a time. An answer may have half a megabyte. */
const queriesAtOnce = 4;
/** Only a socket whose queries are not rate limited reaches this number. */
const maxQueriesWaiting = 1_000;

/** A payload that the gateway has validated has its type; what is validated later is unknown until then. */
type Payload<E extends ClientEventName> = (typeof clientEvents)[E] extends { validatedBy: "gateway" }
	? z.output<(typeof clientEvents)[E]["payload"]>
	: unknown;

type Handlers = {
	[E in ClientEventName]: (
		gateway: GatewayContext,
		socket: ClientSocket,
		payload: Payload<E>,
	) => Promise<ClientEvents[E]["answer"]>;
};

/** How each event of a client is carried out, and what it is answered with besides `ok`. */
const handlers = {
	async authenticate(gateway, socket, payload) {
		const address = socketAddress(socket, gateway.broker.config.trustProxy);
		const verified = await gateway.authenticate((payload as { token?: unknown } | null)?.token, address);
		if (!socket.connected) throw new ParleyError("UNAVAILABLE");
		await signIn(gateway, socket, verified);
		return { userId: verified.caller.id, expiresAt: new Date(verified.expiresAtMs).toISOString() };
	},
	async send_message(gateway, socket, payload) {
		return { message: await callAs(gateway, socket, "messages.send", payload) };
	},
	async mark_read(gateway, socket, payload) {
		const { readSeq, unreadCount } = await callAs(gateway, socket, "messages.markRead", payload);
		return { readSeq, unreadCount };
	},
	async join_conversation(gateway, socket, payload) {
		const { id, participants } = await callAs(gateway, socket, "conversations.get", payload);
		await socket.join(id);
		const others = participants.map(({ userId }) => userId).filter((userId) => userId !== speaker(socket).caller.id);
		tellTypists(gateway, socket, id, others).catch((error: unknown) => gateway.logger.debug("Who types was not told:", error));
		return {};
	},
	async leave_conversation(gateway, socket, payload) {
		const { id } = await callAs(gateway, socket, "conversations.get", payload);
		await setTyping(gateway, socket, id, false);
		await socket.leave(id);
		return {};
	},
	async typing_start(gateway, socket, { conversationId }) {
		await setTyping(gateway, socket, conversationId, true);
		return {};
	},
	async typing_stop(gateway, socket, { conversationId }) {
		await setTyping(gateway, socket, conversationId, false);
		return {};
	},
	async set_presence(gateway, socket, { status }) {
		socket.data.status = status;
		await gateway.presence.report(speaker(socket).caller.id, { chosen: true });
		return {};
	},
	async sync(gateway, socket, payload) {
		gateway.queryLimit.take(socket);
		return inTurn(socket, () => callAs(gateway, socket, "conversations.sync", payload));
	},
} satisfies Handlers;

/** Answers one event through its acknowledgement. Without one, a failure is answered by an `error` event. */
export async function answerEvent(
	gateway: GatewayContext,
	socket: ClientSocket,
	event: ClientEventName,
	args: unknown[],
): Promise<void> {
	const acknowledge = args.at(-1);
	const payload = typeof args[0] === "function" ? undefined : args[0];
	try {
		admit(gateway, socket);
		// The compiler does not see that the payload, checked by the contract of the event, is that of its handler.
		const handle = handlers[event] as (gateway: GatewayContext, socket: ClientSocket, payload: unknown) => Promise<object>;
		const valid = checked(socket, event, payload);
		noteActivity(socket, event, valid);
		const answer = await handle(gateway, socket, valid);
		if (typeof acknowledge === "function") acknowledge({ ok: true, ...answer });
	} catch (error) {
		const shown = show(gateway, event, error);
		if (typeof acknowledge === "function") acknowledge({ ok: false, error: shown });
		else socket.emit("error", shown);
	}
}

/** The payload for the handler. The role comes first: a refused caller learns nothing of what a payload looks like. */
function checked(socket: ClientSocket, event: ClientEventName, payload: unknown): unknown {
	const { payload: schema, validatedBy, role }: ClientEventContract = clientEvents[event];
	if (role && speaker(socket).caller.role !== role) throw new ParleyError("FORBIDDEN");
	return validatedBy === "gateway" ? parse(schema, payload) : payload;
}

/** Answers the event `call`, which names an action of the white list, as `(error, result)`. */
export async function answerCall(gateway: GatewayContext, socket: ClientSocket, args: unknown[]): Promise<void> {
	const respond = args.at(-1);
	const [action, params] = args;
	try {
		admit(gateway, socket);
		gateway.queryLimit.take(socket);
		if (typeof action !== "string" || !queries.has(action)) throw new ParleyError("NOT_FOUND");
		noteActivity(socket, "call");
		await inTurn(socket, async () => {
			const result = await callAs(gateway, socket, action as ActionName, typeof params === "function" ? undefined : params);
			if (typeof respond === "function") respond(null, result);
		});
	} catch (error) {
		const shown = show(gateway, "call", error);
		if (typeof respond === "function") respond(shown);
		else socket.emit("error", shown);
	}
}

/** To be called before anything is done for a socket. RATE_LIMITED. */
function admit(gateway: GatewayContext, socket: ClientSocket): void {
	gateway.eventLimit.take(socket);
	needRoom(socket);
}

/**
 * Runs a query of a socket, a few at a time. Each needs room for its answer when it begins: many queries may come in one packet, and
 * all of them are admitted before the first answer waits for the socket.
 */
function inTurn<Result>(socket: ClientSocket, find: () => Promise<Result>): Promise<Result> {
	socket.data.questions ??= new Semaphore({ concurrency: queriesAtOnce, maxWaiting: maxQueriesWaiting });
	return socket.data.questions.run(async () => {
		needRoom(socket);
		return find();
	});
}

/** RATE_LIMITED while much waits to be sent to the socket. A socket that does not read its answers is closed. */
function needRoom(socket: ClientSocket): void {
	const room = roomFor(socket);
	if (room === "enough") return;
	if (room === "slow") dropSlow(socket);
	throw rateLimited({ resetSeconds: 1 });
}

function show(gateway: GatewayContext, event: string, error: unknown) {
	const shown = publicError(error);
	if (isUnexpected(shown)) gateway.logger.error(`${event} failed:`, error);
	return shown;
}
