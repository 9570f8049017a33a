import { once } from "node:events";
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";
import type { ErrorBody, SyncAnswer } from "../../client/types.ts";

/** Whether a client is let in: it is, it is told why not, or it hears nothing. */
export type Admission = "accepted" | ErrorBody | "silence";

const nothingNew: SyncAnswer = { conversations: [], nextSince: "cursor", reset: false };

/** A real HTTP and socket.io server that speaks as a gateway does, and of which a test says what it answers. */
export class ScriptedGateway {
	readonly url: string;
	/** The tokens with which clients came, in order. */
	readonly tokens: unknown[] = [];
	/** Events that were heard, but for `sync`. */
	readonly heard: { event: string; args: unknown[] }[] = [];
	admit: (token: unknown) => Admission = () => "accepted";
	/** What an event is acknowledged with; undefined: nothing. */
	answer: (event: string, args: unknown[]) => unknown[] | undefined = (event) =>
		event === "call" ? [{ code: "NOT_FOUND", message: "no such action" }] : undefined;
	/** What a request is answered with. */
	http: (req: IncomingMessage, res: ServerResponse) => void = (_req, res) => void res.writeHead(404).end();
	sync: () => SyncAnswer = () => nothingNew;
	readonly #server: HttpServer;
	readonly #io: Server;

	private constructor(server: HttpServer) {
		this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
		this.#server = server;
		server.on("request", (req, res) => {
			if (!req.url?.startsWith("/socket.io")) this.http(req, res);
		});
		this.#io = new Server(server);
		const messaging = this.#io.of("/messaging");
		messaging.use((socket, next) => {
			const { token } = socket.handshake.auth;
			this.tokens.push(token);
			const admission = this.admit(token);
			if (admission === "accepted") next();
			else if (admission !== "silence") next(Object.assign(new Error(admission.message), { data: admission }));
		});
		messaging.on("connection", (socket) => {
			socket.onAny((event: string, ...args: unknown[]) => {
				const acknowledge = args.at(-1);
				const reply = (...answer: unknown[]) => typeof acknowledge === "function" && acknowledge(...answer);
				if (event === "sync") return void reply({ ok: true, ...this.sync() });
				this.heard.push({ event, args });
				const answer = this.answer(event, args);
				if (answer) reply(...answer);
			});
		});
	}

	static async start(): Promise<ScriptedGateway> {
		const server = createServer();
		await once(server.listen(0, "127.0.0.1"), "listening");
		return new ScriptedGateway(server);
	}

	/** The sockets that are connected. */
	get sockets(): Socket[] {
		return [...this.#io.of("/messaging").sockets.values()];
	}

	async stop(): Promise<void> {
		this.#server.closeAllConnections();
		await this.#io.close();
	}
}
