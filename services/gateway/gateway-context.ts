import type { Logger, ServiceBroker } from "moleculer";
import type { Meta } from "../../lib/access.ts";
import type { Coalescer } from "../../lib/coalescer.ts";
import { ParleyError } from "../../lib/errors.ts";
import { type ActionInput, type ActionName, callsOf, type Result } from "../contracts.ts";
import type { Authenticate } from "./authenticate.ts";
import type { PresenceReporter } from "./presence-reporter.ts";
import type { Redelivery } from "./redelivery.ts";
import type { SocketLimit } from "./socket-limit.ts";
import type { ClientSocket, Sockets } from "./sockets.ts";
import type { Verified } from "./token-verifier.ts";
import type { Unauthenticated } from "./unauthenticated.ts";

/** What the functions of the gateway work with. The gateway service itself has these members. */
export interface GatewayContext {
	broker: ServiceBroker;
	logger: Logger;
	sockets: Sockets;
	authenticate: Authenticate;
	presence: PresenceReporter;
	redelivery: Redelivery;
	acks: Coalescer<DeliveryAck>;
	unauthenticated: Unauthenticated;
	maxSocketsPerUser: number;
	/** Limits `call` and `sync`. */
	queryLimit: SocketLimit;
	/** Limits all events of clients. */
	eventLimit: SocketLimit;
}

/** A device of the user has all messages up to this seq. */
export interface DeliveryAck {
	conversationId: string;
	userId: string;
	seq: number;
}

/** Calls an action as the socket's user. The payload comes from the client, and the action validates it. */
export async function callAs<N extends ActionName>(
	gateway: GatewayContext,
	socket: ClientSocket,
	action: N,
	payload: unknown,
): Promise<Result<N>> {
	const meta: Meta = { user: speaker(socket).caller, $via: "socket" };
	return callsOf(gateway.broker).call(action, (payload ?? {}) as ActionInput<N>, { meta });
}

/** The verified token of the socket. UNAUTHENTICATED if there is none. */
export function speaker(socket: ClientSocket): Verified {
	if (!socket.data.verified) throw new ParleyError("UNAUTHENTICATED");
	return socket.data.verified;
}
