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

/** What this gateway has at hand for its sockets: the service itself. */
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
	/** Of `call` and `sync`. */
	queryLimit: SocketLimit;
	/** Of everything that a client says. */
	eventLimit: SocketLimit;
}

/** A device of the user has the message with this seq, and with it all before. */
export interface DeliveryAck {
	conversationId: string;
	userId: string;
	seq: number;
}

/** Calls an action for the socket's user. The payload is the client's: the action's contract decides whether it will do. */
export async function callAs<N extends ActionName>(
	gateway: GatewayContext,
	socket: ClientSocket,
	action: N,
	payload: unknown,
): Promise<Result<N>> {
	const meta: Meta = { user: speaker(socket).caller, $via: "socket" };
	return callsOf(gateway.broker).call(action, (payload ?? {}) as ActionInput<N>, { meta });
}

/** Whom the socket speaks for. UNAUTHENTICATED. */
export function speaker(socket: ClientSocket): Verified {
	if (!socket.data.verified) throw new ParleyError("UNAUTHENTICATED");
	return socket.data.verified;
}
