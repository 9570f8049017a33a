import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { RestClient } from "../../client/rest.ts";
import { ScriptedGateway } from "../support/scripted-gateway.ts";

let gateway: ScriptedGateway;
let dead: string;

beforeEach(async () => {
	const gone = await ScriptedGateway.start();
	dead = gone.url;
	await gone.stop();
	gateway = await ScriptedGateway.start();
});

afterEach(() => gateway.stop());

const json = (res: ServerResponse, status: number, body: unknown) =>
	void res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const html = (res: ServerResponse, status: number) =>
	void res.writeHead(status, { "content-type": "text/html" }).end("<!doctype html><title>Welcome to the train</title>");
const expired = (res: ServerResponse) => json(res, 401, { error: { code: "TOKEN_EXPIRED", message: "expired" } });
const tokenIn = (req: IncomingMessage) => req.headers.authorization?.replace("Bearer ", "");

describe("fail-over", () => {
	test.each([1, 2, 4])(
		"after %d requests at once to a gateway that is gone, the next one goes to the other gateway",
		async (count) => {
			gateway.http = (_req, res) => json(res, 200, { status: "ARCHIVED" });
			const rest = new RestClient({ baseUrl: [dead, gateway.url], token: "token" });
			const archiving = Array.from({ length: count }, () => rest.archiveConversation("one"));
			for (const outcome of await Promise.allSettled(archiving)) {
				expect(outcome).toMatchObject({ status: "rejected", reason: { code: "NETWORK" } });
			}
			expect(await rest.archiveConversation("one")).toEqual({ status: "ARCHIVED" });
		},
	);
});

describe("a captive portal", () => {
	test.each([200, 302, 403, 511])("that answers HTML with %d is no answer: NETWORK, and asked again", async (status) => {
		let asked = 0;
		gateway.http = (_req, res) => (++asked < 3 ? html(res, status) : json(res, 200, { count: 3 }));
		const rest = new RestClient({ baseUrl: gateway.url, token: "token" });
		expect(await rest.countUnread()).toEqual({ count: 3 });
		gateway.http = (_req, res) => html(res, status);
		await expect(rest.archiveConversation("one")).rejects.toMatchObject({ name: "ParleyApiError", code: "NETWORK" });
	});

	test("that answers with JSON of its own, or with nothing, is told from Parley", async () => {
		const rest = new RestClient({ baseUrl: gateway.url, token: "token" });
		gateway.http = (_req, res) => json(res, 404, { error: "Not found" });
		await expect(rest.archiveConversation("one")).rejects.toMatchObject({ code: "NETWORK", status: 404 });
		gateway.http = (_req, res) => void res.writeHead(200).end();
		await expect(rest.archiveConversation("one")).rejects.toMatchObject({ code: "NETWORK" });
	});
});

describe("the token source", () => {
	test("is asked anew when a token is refused, and told which one that was; the request is made once more", async () => {
		gateway.http = (req, res) => (tokenIn(req) === "fresh" ? json(res, 200, { status: "ARCHIVED" }) : expired(res));
		const asked: unknown[] = [];
		const token = (refused?: string) => {
			asked.push(refused);
			return refused === "stale" ? "fresh" : "stale";
		};
		const rest = new RestClient({ baseUrl: gateway.url, token });
		expect(await rest.archiveConversation("one")).toEqual({ status: "ARCHIVED" });
		expect(asked).toEqual([undefined, "stale"]);
	});

	test("that gives the same token again, or is a string, is not asked again: the refusal is the answer", async () => {
		let requests = 0;
		gateway.http = (_req, res) => {
			requests++;
			expired(res);
		};
		for (const token of ["stale", () => "stale"]) {
			const rest = new RestClient({ baseUrl: gateway.url, token });
			await expect(rest.countUnread()).rejects.toMatchObject({ code: "TOKEN_EXPIRED", status: 401 });
		}
		expect(requests).toBe(2);
	});

	test("that throws is a failure like that of the network: asked again", async () => {
		gateway.http = (_req, res) => json(res, 200, { count: 1 });
		let asked = 0;
		const token = () => {
			if (++asked < 3) throw new Error("no signal");
			return "token";
		};
		expect(await new RestClient({ baseUrl: gateway.url, token }).countUnread()).toEqual({ count: 1 });
	});

	test.each<[string, () => string | Promise<string>]>([
		["never answers", () => new Promise<string>(() => {})],
		["gives no token", () => undefined as unknown as string],
	])("that %s ends with NETWORK", async (_what, token) => {
		const rest = new RestClient({ baseUrl: gateway.url, token, timeoutMs: 50 });
		await expect(rest.archiveConversation("one")).rejects.toMatchObject({ code: "NETWORK" });
	});
});

describe("time-outs", () => {
	test("a gateway that takes a request and says nothing is given up", async () => {
		gateway.http = () => {};
		const rest = new RestClient({ baseUrl: gateway.url, token: "token", timeoutMs: 50 });
		await expect(rest.archiveConversation("one")).rejects.toMatchObject({ code: "NETWORK" });
	});

	test("a storage that takes no upload is given up, and an upload that could not be confirmed can be confirmed later", async () => {
		const image = new Blob(["image"], { type: "image/png" });
		const upload = { imageId: "image-1", uploadUrl: `${gateway.url}/storage`, method: "PUT", headers: {} };
		let isStorageSilent = true;
		let isAvailable = false;
		gateway.http = async (req, res) => {
			req.resume();
			await once(req, "end");
			if (req.url?.endsWith("/upload-url")) return json(res, 201, upload);
			if (req.url === "/storage") return isStorageSilent ? undefined : void res.writeHead(200).end();
			return isAvailable
				? json(res, 200, { id: "image-1" })
				: json(res, 503, { error: { code: "UNAVAILABLE", message: "busy" } });
		};
		const rest = new RestClient({ baseUrl: gateway.url, token: "token", uploadTimeoutMs: 50, confirmPausesMs: [10, 10] });
		await expect(rest.uploadImage("one", image)).rejects.toMatchObject({ code: "NETWORK", imageId: undefined });
		isStorageSilent = false;
		await expect(rest.uploadImage("one", image)).rejects.toMatchObject({ code: "UNAVAILABLE", imageId: "image-1" });
		isAvailable = true;
		expect(await rest.confirmImage("one", "image-1")).toEqual({ id: "image-1" });
	});
});
