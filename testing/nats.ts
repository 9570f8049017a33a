import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../embedded/free-port.ts";
import { OsProcess } from "./processes.ts";
import { findProgram } from "./programs.ts";

/** A real nats-server on loopback. */
export interface NatsServer {
	url: string;
	process: OsProcess;
	/** How many messages the server has received from all clients since its start. */
	messagesIn(): Promise<number>;
	/** The subjects to which the process `pid` has subscribed. None when it is not connected. */
	subjectsOf(pid: number): Promise<string[]>;
}

interface Connection {
	subscriptions_list?: string[];
}

/**
 * Whether a subject belongs to the Moleculer node of the process `pid`. Such a subject ends with the node's id, which contains
 * the pid.
 */
export function isAddressedTo(subject: string, pid: number): boolean {
	return new RegExp(`-${pid}(-[0-9a-f]+)?$`).test(subject);
}

/** `folder` is for its log; it stores no data. `settings` is the text of its configuration file. */
export async function startNats(folder: string, settings = ""): Promise<NatsServer> {
	const [port, monitorPort] = [await freePort(), await freePort()];
	const ask = async <Answer>(path: string): Promise<Answer> => {
		const answer = await fetch(`http://127.0.0.1:${monitorPort}${path}`, { headers: { connection: "close" } });
		if (!answer.ok) throw new Error(`nats-server answered ${answer.status} to ${path}`);
		return (await answer.json()) as Answer;
	};
	const configuration = join(folder, `nats-${port}.conf`);
	writeFileSync(configuration, settings);
	const server = new OsProcess({
		name: "nats-server",
		file: await findProgram("nats-server"),
		args: ["--addr", "127.0.0.1", "--port", String(port), "--http_port", String(monitorPort), "--config", configuration],
		logFile: join(folder, "nats.log"),
		isReady: async () => (await ask<{ status: string }>("/healthz")).status === "ok",
	});
	await server.start();
	return {
		url: `nats://127.0.0.1:${port}`,
		process: server,
		messagesIn: async () => (await ask<{ in_msgs: number }>("/varz")).in_msgs,
		subjectsOf: async (pid) => {
			const { connections } = await ask<{ connections: Connection[] }>("/connz?subs=1&limit=10000");
			const isNode = (subject: string) => subject.includes(".REQ.") && isAddressedTo(subject, pid);
			return connections.map((one) => one.subscriptions_list ?? []).find((subjects) => subjects.some(isNode)) ?? [];
		},
	};
}
