import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { commandLine } from "../../embedded/processes.ts";
import { type EmbeddedStorage, startStorage } from "../../embedded/storage.ts";
import { Storage } from "../../mixins/storage.ts";
import { prepareStorage } from "../../services/media/prepare-storage.ts";
import { eventually } from "../../testing/until.ts";
import { childOf } from "../support/children.ts";
import { store } from "../support/store.ts";

const onLinux = process.platform === "linux" ? test : test.skip;
const origins = { corsOrigins: ["https://example.org"], appUrl: "http://localhost:3000", media: { keyPrefix: "parley/" } };

let dataDir: string;
let embedded: EmbeddedStorage;
let storage: Storage;

beforeEach(async () => {
	dataDir = mkdtempSync(join(tmpdir(), "parley-storage-"));
	embedded = await startStorage({ dataDir });
	storage = new Storage({ ...embedded.s3, bucket: "parley" });
});
afterEach(async () => {
	storage.close();
	await embedded.stop();
	rmSync(dataDir, { recursive: true });
});

test("what was stored is there after a restart, for those with the key, also through another process", async () => {
	await store(storage, "images/1/a", Buffer.from("pixels"));
	const second = await startStorage({ dataDir });
	await embedded.stop();
	const other = new Storage({ ...second.s3, bucket: "parley" });
	expect(await (await fetch(await other.presign("GET", "images/1/a", 60))).text()).toBe("pixels");
	expect(await other.size("images/1/a")).toBe(6);
	other.close();
	await second.stop();
	expect(statSync(join(dataDir, "s3.secret")).mode & 0o777).toBe(0o600);
});

test("a server that is killed runs again at the same address, with what was stored", async () => {
	await store(storage, "images/1/a", Buffer.from("pixels"));
	const notes: string[] = [];
	const lost = jest.fn();
	const watched = await startStorage({ dataDir, watcher: { note: (message) => void notes.push(message), lost } });
	const { port } = new URL(String(watched.s3.endpoint));
	await embedded.stop();
	const url = `${watched.s3.endpoint}/parley/images/1/a`;
	process.kill(childOf(process.pid, "s3-process"), "SIGKILL");
	await eventually(() => {
		expect(notes).toEqual([expect.stringMatching(/is started again/), expect.stringMatching(/runs again/)]);
	});
	expect((await fetch(url)).status).toBe(403);
	const again = new Storage({ ...watched.s3, bucket: "parley" });
	expect(await again.size("images/1/a")).toBe(6);
	again.close();
	expect(commandLine(childOf(process.pid, "s3-process"))).toContain(` ${port}`);
	await watched.stop();
	expect(() => childOf(process.pid, "s3-process")).toThrow("0 processes");
	expect(lost).not.toHaveBeenCalled();
});

test("what is not there is undefined, and deleting it does no harm", async () => {
	expect(await storage.size("images/none")).toBeUndefined();
	await storage.delete(["images/none"]);
});

test("a listing is whole and in order", async () => {
	const keys = Array.from({ length: 25 }, (_, i) => `images/${String(i).padStart(3, "0")}/x`);
	for (const key of keys.toReversed()) await store(storage, key, Buffer.from("x"));
	const listed = [];
	for await (const { key } of storage.list("images/")) listed.push(key);
	expect(listed).toEqual(keys);
});

test("who has no signature, or another's, gets nothing", async () => {
	await store(storage, "images/1/a", Buffer.from("pixels"));
	const url = `${embedded.s3.endpoint}/parley`;
	const signed = (await storage.signer()).sign("GET", "images/1/a", new Date(), 60);
	expect((await fetch(signed)).status).toBe(200);
	const attempts: [string, RequestInit?][] = [
		[`${url}/images/1/a`],
		[`${url}?list-type=2`],
		[url.replace(/parley$/, "")],
		[`${url}/images/1/a`, { method: "DELETE" }],
		[`${url}/images/1/b`, { method: "PUT", body: "x" }],
		[signed, { method: "PUT", body: "x" }],
		[signed, { headers: { "x-amz-copy-source": "/parley/images/1/a" } }],
		[(await storage.signer()).sign("GET", "images/1/a", new Date(Date.now() - 120_000), 60)],
	];
	for (const [address, init] of attempts) expect((await fetch(address, init)).status).toBe(403);
});

test("a request that only looks signed gets nothing, and changes nothing", async () => {
	await store(storage, "images/1/a", Buffer.from("pixels"));
	const seemsSigned = "X-Amz-Algorithm=AWS4-HMAC-SHA256";
	const html = { "Content-Type": "text/html" };
	const attacks: [string, string, OutgoingHttpHeaders?][] = [
		["GET", `/parley#?${seemsSigned}`],
		["GET", `/#?${seemsSigned}`],
		["GET", `/parley?list-type=2#&${seemsSigned}`],
		["GET", `/parley/images/1/a#?${seemsSigned}`],
		["PUT", `/parley/images/1/a#?${seemsSigned}`, html],
		["PUT", `/parley/images/1/b#?${seemsSigned}`, html],
		["DELETE", `/parley/images/1/a#?${seemsSigned}`],
		["POST", `/parley?delete#&${seemsSigned}`],
		["POST", "/parley"],
		["GET", "/parley/images/1/a", { authorization: "" }],
		["GET", "/parley/images/1/a", { authorization: "Bearer guess" }],
		["GET", `/parley/images/1/a?x-amz-algorithm=AWS4-HMAC-SHA256`],
		["GET", `${embedded.s3.endpoint}/parley/images/1/a#?${seemsSigned}`],
		["GET", `/parley/images/1/a?${seemsSigned}`],
		["GET", "//["],
		["GET", `/parley/images/1/%ff?${seemsSigned}`],
		["GET", "/images/1/a", { host: "parley.s3.amazonaws.com" }],
		["GET", "/images/1/a", { host: "parley.s3-website.amazonaws.com" }],
	];
	for (const [method, path, headers] of attacks) {
		const { status, body } = await raw(method, path, headers);
		expect({ method, path, refused: status >= 400 && status < 500 }).toEqual({ method, path, refused: true });
		expect(body).not.toMatch(/pixels|images/);
	}
	expect(await (await fetch(await storage.presign("GET", "images/1/a", 60))).text()).toBe("pixels");
	expect(await storage.size("images/1/b")).toBeUndefined();
});

test("a signed URL does what was signed: headers for S3 that were not signed with it are refused", async () => {
	await store(storage, "images/1/a", Buffer.from("pixels"));
	const { pathname, search } = new URL(await storage.presign("PUT", "images/1/b", 60));
	for (const header of ["x-amz-copy-source", "x-amz-meta-a", "x-amz-website-redirect-location"]) {
		expect((await raw("PUT", pathname + search, { [header]: "/parley/images/1/a" })).status).toBe(403);
	}
	expect(await storage.size("images/1/b")).toBeUndefined();
});

test("no browser takes an object for something else than its type says", async () => {
	await store(storage, "images/1/a", Buffer.from("<script>alert(1)</script>"));
	for (const key of ["images/1/a", "images/none"]) {
		const { headers } = await fetch(await storage.presign("GET", key, 60));
		expect(headers.get("x-content-type-options")).toBe("nosniff");
	}
});

onLinux("its process gets nothing of this process's environment that may be a secret", () => {
	const environment = readFileSync(`/proc/${childOf(process.pid, "s3-process")}/environ`, "utf8");
	const allowed = ["PATH", "LANG", "TZ", "TMPDIR", "NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE"];
	const names = environment.split("\0").map((entry) => entry.split("=", 1)[0]);
	expect(names.filter((name) => name && !allowed.includes(name))).toEqual([]);
});

test("browsers of every page may use a signed URL", async () => {
	const { url } = await storage.presignUpload("uploads/1", { mimeType: "image/png", sizeBytes: 3 }, 60);
	const headers = {
		Origin: "https://example.org",
		"Access-Control-Request-Method": "PUT",
		"Access-Control-Request-Headers": "content-type",
	};
	const preflight = await fetch(url, { method: "OPTIONS", headers });
	expect(preflight.status).toBe(200);
	expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
});

test("a bucket that is not there is made, with the rules that browsers need", async () => {
	const s3 = { ...embedded.s3, bucket: "another" };
	await prepareStorage({ s3, ...origins });
	await prepareStorage({ s3, ...origins });
	const another = new Storage(s3);
	await another.check();
	another.close();
	await expect(new Storage({ ...embedded.s3, bucket: "nowhere" }).check()).rejects.toMatchObject({ type: "UNAVAILABLE" });
});

test("a listing goes on where a page ends, and a bucket with objects is as good as an empty one", async () => {
	const folder = join(dataDir, "s3", "parley", "pages");
	mkdirSync(folder, { recursive: true });
	const names = Array.from({ length: 1_100 }, (_, index) => String(index).padStart(4, "0"));
	for (const name of names) writeFileSync(join(folder, `${name}._S3rver_object`), name);
	const listed: string[] = [];
	for await (const { key } of storage.list("pages/")) listed.push(key);
	expect(listed).toEqual(names.map((name) => `pages/${name}`));
	await prepareStorage({ s3: embedded.s3, ...origins });
});

test.each([
	["secretAccessKey", "wrong", "SignatureDoesNotMatch"],
	["accessKeyId", "wrong", "InvalidAccessKeyId"],
])("a wrong %s is told in one line", async (setting, value, reason) => {
	const prepared = prepareStorage({ s3: { ...embedded.s3, [setting]: value }, ...origins });
	await expect(prepared).rejects.toThrow(new RegExp(`^The S3 bucket parley at [^\\n]+ cannot be used: [^\\n]*${reason}[^\\n]*$`));
});

test("clients are sent to the public endpoint", async () => {
	const outside = new Storage({ ...embedded.s3, bucket: "parley", publicEndpoint: "https://s3.example.org" });
	expect((await outside.signer()).sign("GET", "a", new Date(), 60)).toMatch(/^https:\/\/s3\.example\.org\/parley\/a\?/);
	const { url: upload } = await outside.presignUpload("b", { mimeType: "image/png", sizeBytes: 3 }, 60);
	expect(upload).toMatch(/^https:\/\/s3\.example\.org\/parley\/b\?/);
	outside.close();
	const aws = new Storage({ bucket: "parley", region: "eu-central-1", accessKeyId: "a", secretAccessKey: "b" });
	const url = (await aws.signer()).sign("GET", "a", new Date(), 60);
	expect(url).toMatch(/^https:\/\/parley\.s3\.eu-central-1\.amazonaws\.com\/a\?/);
	aws.close();
});

/** As it is: `fetch` would leave out what follows a `#`. */
async function raw(method: string, path: string, headers: OutgoingHttpHeaders = {}): Promise<{ status: number; body: string }> {
	const { hostname, port } = new URL(String(embedded.s3.endpoint));
	const sent = request({ hostname, port, method, path, headers, agent: false });
	const answered = once(sent, "response");
	sent.end(method === "PUT" ? "<script>alert(1)</script>" : "");
	const [response]: IncomingMessage[] = await answered;
	if (!response) throw new Error("no response");
	return { status: Number(response.statusCode), body: await text(response) };
}
