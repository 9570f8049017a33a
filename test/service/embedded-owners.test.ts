import { spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** Root and this user start Parley on the same folder, one after the other. */
const ordinary = { uid: 1000, gid: 1000 };
const canBoth =
	process.getuid?.() === 0 &&
	spawnSync(process.execPath, ["-e", 'fs.accessSync("embedded/start.ts")'], { ...ordinary, cwd: process.cwd() }).status === 0;
const asBoth = canBoth ? test : test.skip;

let root: string;
let dataDir: string;

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "parley-owners-"));
	chownSync(root, ordinary.uid, ordinary.gid);
	dataDir = join(root, "data");
});

afterEach(() => rmSync(root, { recursive: true }));

asBoth("root and the user whose folder it is take turns: each finds what the other wrote, and can change it", async () => {
	mkdirSync(dataDir);
	chownSync(dataDir, ordinary.uid, ordinary.gid);
	expect(await work("first", {})).toEqual({ notes: ["first"], images: ["first"] });
	expect(await work("second", ordinary)).toEqual({ notes: ["first", "second"], images: ["first", "second"] });
	expect(await work("third", {})).toEqual({ notes: ["first", "second", "third"], images: ["first", "second", "third"] });
	expect(await work("fourth", ordinary)).toMatchObject({ notes: expect.arrayContaining(["third", "fourth"]) });
	const owners = readdirSync(dataDir, { recursive: true, encoding: "utf8" }).map((path) => statSync(join(dataDir, path)).uid);
	expect([...new Set(owners)]).toEqual([ordinary.uid]);
});

asBoth("a folder that root made for itself is refused to another user in one line, and stays as it is", async () => {
	await work("first", {});
	const before = readdirSync(dataDir);
	expect(await work("second", ordinary)).toMatch(
		/^EmbeddedError: [^\n]+ is closed to this process's user 1000: [^\n]+chown[^\n]+$/,
	);
	expect(await starting("embeddedSecret(dataDir)", ordinary)).toMatch(
		/^EmbeddedError: [^\n]+ is closed to this process's user 1000/,
	);
	expect(readdirSync(dataDir)).toEqual(before);
});

asBoth("folders of images that are another user's are told at the start, not at the first upload", async () => {
	await work("first", ordinary);
	chownSync(join(dataDir, "s3", "parley"), 0, 0);
	expect(await work("second", ordinary)).toMatch(
		/^EmbeddedError: [^\n]+\/s3\/parley belongs to user 0, not to this process's user 1000: [^\n]+chown -R 1000:1000[^\n]+$/,
	);
});

asBoth("a folder that cannot be made is told in one line", async () => {
	chownSync(root, 0, 0);
	expect(await work("first", ordinary)).toMatch(/^EmbeddedError: [^\n]+data is closed to this process's user 1000: [^\n]+$/);
	expect(existsSync(dataDir)).toBe(false);
});

/** Starts both parts as a user, adds a note and an image by this name, and gives the names of all; or the error. */
function work(name: string, user: Partial<typeof ordinary>): Promise<unknown> {
	return starting(`work(${JSON.stringify(name)})`, user);
}

async function starting(expression: string, user: Partial<typeof ordinary>): Promise<unknown> {
	const script = `
		import pg from "pg";
		import { startPostgres } from "./embedded/postgres.ts";
		import { embeddedSecret } from "./embedded/secret.ts";
		import { startStorage } from "./embedded/storage.ts";
		import { Storage } from "./mixins/storage.ts";

		const dataDir = ${JSON.stringify(dataDir)};
		async function work(name) {
			const postgres = await startPostgres({ dataDir, settings: { fsync: "off" } });
			const embedded = await startStorage({ dataDir });
			try {
				const client = new pg.Client({ connectionString: postgres.url });
				await client.connect();
				await client.query("create table if not exists notes (id serial, note text)");
				await client.query("insert into notes (note) values ($1)", [name]);
				const { rows } = await client.query("select note from notes order by id");
				await client.end();
				const storage = new Storage({ ...embedded.s3, bucket: "parley" });
				const put = async (key) => (await fetch(await storage.presign("PUT", key, 60), { method: "PUT", body: name })).status;
				const statuses = [await put("images/" + name), await put("images/shared")];
				if (statuses.some((status) => status !== 200)) throw new Error("PUT: " + statuses);
				await storage.delete(["images/shared"]);
				const images = [];
				for await (const { key } of storage.list("images/")) images.push(key.slice("images/".length));
				storage.close();
				return { notes: rows.map(({ note }) => note), images: images.sort((a, b) => order(a) - order(b)) };
			} finally {
				await embedded.stop();
				await postgres.stop();
			}
		}
		const order = (name) => ["first", "second", "third", "fourth"].indexOf(name);
		try {
			process.stdout.write(JSON.stringify(await ${expression}));
		} catch (error) {
			process.stdout.write(JSON.stringify(error.name + ": " + error.message));
		}
		process.exit();
	`;
	const child = spawn(process.execPath, ["--input-type=module", "-e", script], { ...user, stdio: ["ignore", "pipe", "inherit"] });
	return JSON.parse(await text(child.stdout));
}
