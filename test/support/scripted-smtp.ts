import { once } from "node:events";
import { createServer, type Socket } from "node:net";

/** Where a mail server answers. `END` is the dot after the mail. */
export type SmtpStep = "GREETING" | "EHLO" | "HELO" | "AUTH" | "MAIL" | "RCPT" | "DATA" | "END";

/** What it does there: a reply, nothing at all, the end of the connection, or a reply that never ends. */
export type SmtpReply = string | "silence" | "close" | "trickle";

export interface ScriptedSmtp {
	url: string;
	/** May be changed at any time. A step without a reply succeeds. */
	script: Partial<Record<SmtpStep, SmtpReply>>;
	/** The commands that came. */
	commands: string[];
	/** How many connections are open. */
	readonly connections: number;
	close(): Promise<void>;
}

const usual: Record<SmtpStep, string> = {
	GREETING: "220 test",
	EHLO: "250-test\r\n250 AUTH PLAIN",
	HELO: "250 test",
	AUTH: "235 2.7.0 welcome",
	MAIL: "250 2.1.0 ok",
	RCPT: "250 2.1.5 ok",
	DATA: "354 go on",
	END: "250 2.0.0 queued",
};

/** A mail server that says word for word what a test wants to hear. */
export async function startScriptedSmtp(host = "127.0.0.1"): Promise<ScriptedSmtp> {
	const sockets = new Set<Socket>();
	const commands: string[] = [];
	const started: ScriptedSmtp = {
		url: "",
		script: {},
		commands,
		get connections() {
			return sockets.size;
		},
		async close() {
			for (const socket of sockets) socket.destroy();
			server.close();
			await once(server, "close");
		},
	};
	const server = createServer((socket) => {
		sockets.add(socket);
		socket.on("error", () => {});
		socket.on("close", () => sockets.delete(socket));
		serve(socket, started);
	});
	await once(server.listen(0, host), "listening");
	started.url = `smtp://${host}:${(server.address() as { port: number }).port}`;
	return started;
}

function serve(socket: Socket, server: ScriptedSmtp): void {
	let waiting = "";
	let isData = false;
	const reply = (step: SmtpStep) => {
		const said = server.script[step] ?? usual[step];
		if (said === "close") socket.destroy();
		else if (said === "trickle") trickle(socket);
		else if (said !== "silence") socket.write(`${said}\r\n`);
	};
	reply("GREETING");
	socket.on("data", (bytes) => {
		waiting += bytes.toString("latin1");
		for (;;) {
			const ending = isData ? "\r\n.\r\n" : "\r\n";
			const at = waiting.indexOf(ending);
			if (at < 0) return;
			const line = waiting.slice(0, at);
			waiting = waiting.slice(at + ending.length);
			if (isData) {
				isData = false;
				reply("END");
				continue;
			}
			server.commands.push(line);
			const step = (line.split(" ")[0] ?? "").toUpperCase();
			if (step === "QUIT") socket.end("221 bye\r\n");
			else if (step === "RSET") socket.write("250 ok\r\n");
			else {
				isData = step === "DATA" && (server.script.DATA ?? usual.DATA).startsWith("354");
				reply(step as SmtpStep);
			}
		}
	});
}

/** A line of an answer every 50 ms, and never the last one. */
function trickle(socket: Socket): void {
	const timer = setInterval(() => socket.write("250-wait\r\n"), 50);
	socket.on("close", () => clearInterval(timer));
}
