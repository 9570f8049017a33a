import type { Socket } from "socket.io-client";

/** The part of the protocol that the load generator and the floor use. */
export type ChatSocket = Socket<ServerEvents, ClientEvents>;

export interface ServerEvents {
	/** The floor does not ask for an acknowledgement. */
	message_received(event: { message: WireMessage }, acknowledge?: () => void): void;
}

export interface ClientEvents {
	send_message(body: SendBody, answered: (answer: SendAnswer) => void): void;
	mark_read(body: { conversationId: string; seq: number }, answered: (answer: { ok: boolean }) => void): void;
}

export interface SendBody {
	readonly conversationId: string;
	readonly clientId: string;
	readonly content: string;
}

export type SendAnswer =
	| { readonly ok: true; readonly message: WireMessage }
	| { readonly ok: false; readonly error: { readonly code: string; readonly message: string } };

export interface WireMessage {
	readonly id: string;
	readonly conversationId: string;
	readonly seq: number;
	readonly clientId: string;
	readonly senderId: string;
	readonly content: string;
	readonly createdAt: string;
}
