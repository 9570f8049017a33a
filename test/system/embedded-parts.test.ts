import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { RestClient } from "../../client/rest.ts";
import type { Message } from "../../client/types.ts";
import { lockFolder } from "../../embedded/folder-lock.ts";
import { commandLine } from "../../embedded/processes.ts";
import { inherited, startCommand } from "../../testing/parley.ts";
import { until } from "../../testing/until.ts";
import { childOf } from "../support/children.ts";
import { picture } from "../support/images.ts";
import { contained, mayMakeNamespaces } from "../support/namespaces.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { closeDevices } from "./core/device.ts";
import { aConversation, historyOf, upTo } from "./core/people.ts";

jest.setTimeout(60_000);

/** Until everything goes on by itself: the part starts again, and what waits for it tries again. */
const againWithin = { timeoutMs: 10_000 };

describe("Parley in one process, when what it brings along is killed", () => {
	let server: RunningServer;

	beforeEach(async () => {
		server = await startServer();
	}, 120_000);

	afterEach(async () => {
		closeDevices();
		await server.stop();
	}, 30_000);

	it("goes on after PostgreSQL died: sends are UNAVAILABLE meanwhile, and what was acknowledged is there once", async () => {
		const { alice, id } = await aConversation(server);
		const device = await alice.device();
		const codes = new Set<string>();
		const acknowledged: Message[] = [];
		const send = async () => {
			const ack = await device.emit<{ message: Message }>("send_message", {
				conversationId: id,
				clientId: randomUUID(),
				content: "Hi",
			});
			if (ack.ok) acknowledged.push(ack.message);
			else codes.add(ack.error.code);
			return ack.ok;
		};
		for (let round = 1; round <= 2; round++) {
			expect(await send()).toBe(true);
			const killed = postmasterPid();
			process.kill(killed, "SIGKILL");
			await until(async () => !(await send()));
			await until(send, againWithin);
			expect(postmasterPid()).not.toBe(killed);
		}
		expect([...codes]).toEqual(["UNAVAILABLE"]);
		// Through the other services, which have connections of their own.
		await until(() => aConversation(server), againWithin);
		const history = await historyOf(alice, id);
		const stored = new Map(history.map((message) => [message.id, message.seq]));
		expect(acknowledged.map((message) => stored.get(message.id))).toEqual(acknowledged.map(({ seq }) => seq));
		expect(history.map(({ seq }) => seq)).toEqual(upTo(history.length));
	});

	it("goes on after the storage died: images are where they were, and new ones can be uploaded", async () => {
		const { alice, id } = await aConversation(server);
		const rest = new RestClient({ baseUrl: alice.baseUrl, token: alice.token });
		const photo = new Blob([new Uint8Array(await picture().jpeg().toBuffer())], { type: "image/jpeg" });
		const { originalUrl } = await rest.uploadImage(id, photo);
		process.kill(childOf(server.process.pid, "s3-process"), "SIGKILL");
		await expect(fetch(originalUrl)).rejects.toThrow();
		await until(async () => (await fetch(originalUrl)).ok, againWithin);
		expect(await rest.uploadImage(id, photo)).toMatchObject({ width: 64, height: 48 });
	});

	it("ends with exit code 1 and one line that says why, when PostgreSQL does not start again", async () => {
		const data = join(server.dataDir, "postgres");
		renameSync(join(data, "global"), join(data, "global.away"));
		process.kill(postmasterPid(), "SIGKILL");
		await until(() => !server.process.isRunning, { timeoutMs: 45_000 });
		expect(server.process.exitCode).toBe(1);
		const said = server.process
			.logs()
			.trim()
			.split("\n")
			.filter((line) => line.startsWith("The embedded PostgreSQL"));
		expect(said).toEqual([
			expect.stringMatching(/ended \(SIGKILL\) and is started again\.$/),
			expect.stringMatching(/could not be started again: PostgreSQL did not start: .*global/),
		]);
		lockFolder(server.dataDir)();
	});

	(mayMakeNamespaces ? it : it.skip)(
		"keeps its data from a second start in another container, which ends with one line",
		async () => {
			const { alice, id } = await aConversation(server);
			const { args, env } = startCommand();
			const settings = { DATA_DIR: server.dataDir, PORT: "0", METRICS_PORT: "0", HOST: "127.0.0.1" };
			const second = contained(process.execPath, args, { ...inherited("PATH", "HOME"), ...env, ...settings });
			expect(await second.ended).toBe(1);
			expect(second.output()).toMatch(/^[^\n]+ is in use by another Parley \(process \d+ on [^\n]+\): [^\n]+\n$/);
			const rest = new RestClient({ baseUrl: alice.baseUrl, token: alice.token });
			await rest.sendMessage(id, { clientId: randomUUID(), content: "Still here" });
			expect((await historyOf(alice, id)).map(({ content }) => content)).toEqual(["Still here"]);
		},
	);

	it.each(["SIGINT", "SIGTERM"] as const)("ends cleanly by a %s that comes while PostgreSQL is started again", async (signal) => {
		process.kill(postmasterPid(), "SIGKILL");
		await until(() => server.process.logs().includes("is started again"));
		const startMs = performance.now();
		await server.process.end(signal);
		expect(performance.now() - startMs).toBeLessThan(10_000);
		expect(server.process.exitCode).toBe(0);
		lockFolder(server.dataDir)();
		expect(commandLine(postmasterPid())).toBe("");
	});

	/** NaN when there is none. */
	function postmasterPid(): number {
		const pidFile = join(server.dataDir, "postgres", "postmaster.pid");
		return existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8").split("\n")[0]) : Number.NaN;
	}
});
