import { io, type Socket } from "socket.io-client";
import type { Ack, ErrorBody, ServerEvents } from "../../../client/types.ts";

const open = new Set<Device>();

/** For `afterEach`: disconnects what the test connected. */
export function closeDevices(): void {
	for (const device of open) device.close();
}

/** A plain socket.io client that writes down what it hears, and does nothing by itself but acknowledge messages. */
export class Device {
	readonly socket: Socket;
	/** Why the server closed the connection; undefined while it is open. */
	closedBy: string | undefined;
	/** What it heard, in the order it came. */
	readonly events: { event: string; payload: unknown }[] = [];

	private constructor(socket: Socket, acknowledges: boolean) {
		this.socket = socket;
		socket.onAny((event: string, payload: unknown, acknowledge?: () => void) => {
			this.events.push({ event, payload });
			if (acknowledges) acknowledge?.();
		});
		socket.on("disconnect", (reason) => {
			this.closedBy = reason;
		});
	}

	/** Rejects with what `connect_error` brings: an error with `data.code`. */
	static connect(baseUrl: string, auth: { token?: string }, { acknowledges = true } = {}): Promise<Device> {
		const socket = io(`${baseUrl}/messaging`, { auth, forceNew: true, reconnection: false, transports: ["websocket"] });
		const device = new Device(socket, acknowledges);
		open.add(device);
		return new Promise((resolve, reject) => {
			socket.on("connect", () => resolve(device));
			socket.on("connect_error", (error) => {
				device.close();
				reject(error);
			});
		});
	}

	/** The payloads of an event, in the order they came. */
	heard<Name extends keyof ServerEvents>(event: Name): ServerEvents[Name][] {
		return this.events.filter((entry) => entry.event === event).map(({ payload }) => payload as ServerEvents[Name]);
	}

	/** Everything heard of a conversation, whatever the event. */
	heardOf(conversationId: string): string[] {
		return this.events.filter(({ payload }) => JSON.stringify(payload).includes(conversationId)).map(({ event }) => event);
	}

	emit<Result>(event: string, payload?: unknown): Promise<Ack<Result>> {
		const args = payload === undefined ? [] : [payload];
		return this.socket.timeout(10_000).emitWithAck(event, ...args);
	}

	/** For what must succeed. */
	async ask<Result>(event: string, payload: unknown): Promise<Result> {
		const ack = await this.emit<Result>(event, payload);
		if (!ack.ok) throw new Error(`${event}: ${JSON.stringify(ack.error)}`);
		return ack;
	}

	/** moleculer-io's `call`. */
	call<Result>(action: string, params?: unknown): Promise<{ error: ErrorBody | null; result: Result | undefined }> {
		return new Promise((resolve, reject) => {
			const answer = (timeout: Error | null, error: ErrorBody | null, result?: Result) =>
				timeout ? reject(timeout) : resolve({ error: error ?? null, result });
			this.socket.timeout(10_000).emit("call", action, params, answer);
		});
	}

	close(): void {
		this.socket.disconnect();
		open.delete(this);
	}
}

/** The code that a refused ack carries; `ok` for one that is not. */
export function codeOf(ack: Ack<unknown>): string {
	return ack.ok ? "ok" : ack.error.code;
}
