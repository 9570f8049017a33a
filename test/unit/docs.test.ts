import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { errorCatalogue } from "../../lib/errors.ts";
import { queries } from "../../services/gateway/routes.ts";

const root = join(__dirname, "../..");
const documents = globSync(["*.md", "docs/**/*.md", "bench/*.md"], { cwd: root });
const textOf = (file: string) => readFileSync(join(root, file), "utf8");

const folders = [
	"bench",
	"client",
	"docs",
	"embedded",
	"lib",
	"middlewares",
	"migrations",
	"mixins",
	"scripts",
	"services",
	"test",
	"testing",
];

/** `services/push.ts`, `test/system/core/`. Placeholders such as `services/<name>/` and patterns are not paths. */
const repositoryPath = new RegExp(`^(?:${folders.join("|")})/[\\w./-]+$`);

/** A test by its ring and name, as the tables of docs/security.md name it: `service/authorize`, `system/fuzz`. */
const testName = /^(?:unit|service|system|chaos|web)\/[\w-]+$/;

/** `service/search`: «filters hold alone and with words» */
const quotedTitle = /`((?:test|unit|service|system|chaos|web)\/[^`\s]+)`:\s+«([^»]+)»/g;

/** Fenced and indented blocks show commands and payloads, not references. */
function proseOf(file: string): string {
	return textOf(file)
		.replace(/^```[\s\S]*?^```/gm, "")
		.replace(/^(?: {4}|\t)(?![-*\d]).*$/gm, "");
}

const codeOf = (file: string) => [...proseOf(file).matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
const linksOf = (file: string) => [...proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);

function isThere(path: string): boolean {
	return existsSync(join(root, path));
}

const scripts = Object.keys((JSON.parse(textOf("package.json")) as { scripts: object }).scripts);

/** As GitHub makes anchors of headings. */
function anchorsOf(file: string): string[] {
	return [...textOf(file).matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading = ""]) =>
		heading
			.toLowerCase()
			.replace(/[^\p{L}\p{N}\s_-]/gu, "")
			.replace(/ /g, "-"),
	);
}

function isAlive(file: string, link: string): boolean {
	if (/^[a-z]+:/.test(link)) return true;
	const [path = "", anchor] = link.split("#");
	const target = path === "" ? file : normalize(join(dirname(file), path));
	if (!isThere(target)) return false;
	return anchor === undefined || anchorsOf(target).includes(anchor);
}

/** The files in which a test named in a document stands. */
function testFilesOf(name: string): string[] {
	if (name.startsWith("test/")) return isThere(name) ? [name] : [];
	const path = join("test", name);
	if (isThere(`${path}.test.ts`)) return [`${path}.test.ts`];
	return isThere(path) && statSync(join(root, path)).isDirectory() ? globSync(`${path}/**/*.ts`, { cwd: root }) : [];
}

test("there are documents to check", () => {
	expect(documents.length).toBeGreaterThan(30);
	expect(documents.flatMap(codeOf).filter((code) => repositoryPath.test(code)).length).toBeGreaterThan(100);
	expect(documents.flatMap(linksOf).length).toBeGreaterThan(50);
});

test.each(documents)("%s names only files and folders that exist", (file) => {
	expect(codeOf(file).filter((code) => repositoryPath.test(code) && !isThere(code))).toEqual([]);
});

test.each(documents)("%s links only to files and headings that exist", (file) => {
	expect(linksOf(file).filter((link) => !isAlive(file, link))).toEqual([]);
});

test.each(documents)("%s names only tests that exist", (file) => {
	const names = codeOf(file).filter((code) => testName.test(code));
	expect(names.filter((name) => testFilesOf(name).length === 0)).toEqual([]);
});

test.each(documents)("%s quotes the titles of tests as they are", (file) => {
	const quoted = [...proseOf(file).matchAll(quotedTitle)];
	const wrong = quoted.filter(([, name = "", title = ""]) => {
		const wanted = title.replace(/\s+/g, " ").replace(/ …$/, "");
		return !testFilesOf(name).some((path) => textOf(path).includes(wanted));
	});
	expect(wrong.map(([quote]) => quote)).toEqual([]);
});

test("docs/protocol.md has every error code with its status, and no other but those marked as later", () => {
	const rows = [...textOf("docs/protocol.md").matchAll(/^\| (\d{3}) \| `(\w+)`(.*)$/gm)];
	const listed = rows.filter(([, , , rest]) => !rest?.includes("Later")).map(([, status, code]) => [code, Number(status)]);
	const known = Object.entries(errorCatalogue).map(([code, { status }]) => [code, status]);
	expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(known));
	expect(listed).toHaveLength(known.length);
});

test("docs/protocol.md names every action that a socket may ask for by `call`, and no other", () => {
	const [, paragraph = ""] = /^\*\*Queries\.\*\*([\s\S]*?)\n\n/m.exec(textOf("docs/protocol.md")) ?? [];
	const named = [...paragraph.matchAll(/`(\w+\.\w+)`/g)].map(([, name]) => name);
	expect(named.toSorted()).toEqual([...queries].toSorted());
});

test("docs/adr/README.md lists every decision with its status", () => {
	const decisions = globSync("docs/adr/[0-9]*.md", { cwd: root });
	const rows = [...textOf("docs/adr/README.md").matchAll(/^\| \[\d+\]\(([^)]+)\) \|[^|]+\| ([^|]+) \|$/gm)];
	const statuses = new Map(rows.map(([, file = "", status]) => [join("docs/adr", file), status]));
	expect([...statuses.keys()].toSorted()).toEqual(decisions.toSorted());
	// A page without a status line is one that holds.
	const statusOf = (file: string) => /^Status: (.+)$/m.exec(textOf(file))?.[1] ?? "accepted";
	expect(Object.fromEntries(statuses)).toEqual(Object.fromEntries(decisions.map((file) => [file, statusOf(file)])));
});

test("every folder that a newcomer opens has its sentence in README", () => {
	const opened = [
		...globSync("*/", { cwd: root, exclude: (name) => name.startsWith(".") || name === "node_modules" || name === "coverage" }),
		...globSync(["services/*/", "middlewares/*/", "lib/*/", "mixins/*/"], { cwd: root }),
	].map((folder) => folder.replace(/\/?$/, "/"));
	const readme = textOf("README.md");
	expect(opened.length).toBeGreaterThan(15);
	expect(opened.filter((folder) => !readme.includes(`\`${folder}\``))).toEqual([]);
});

describe("docs/specification.md", () => {
	const rows = [...textOf("docs/specification.md").matchAll(/^\| (.+?) \| (.*?)\|(.+)\|$/gm)]
		.map(([, item = "", code = "", shown = ""]) => ({ item, code, shown }))
		.filter(({ item }) => item !== "item");

	test("has a row for each item", () => {
		expect(rows.length).toBeGreaterThan(80);
	});

	test.each(rows)(
		"says where it is and what shows it, or why it is otherwise, or that it is not built yet: $item",
		({ code, shown }) => {
			const isInCode = [...code.matchAll(/`([^`]+)`/g)].some(([, path = ""]) => isThere(path));
			const isShown = [...shown.matchAll(quotedTitle)].length > 0 || scriptsIn(shown).length > 0;
			const isOtherwise = /\]\(adr\/\d{4}-/.test(shown);
			expect((isInCode && isShown) || isOtherwise || shown.includes("Not built yet")).toBe(true);
			// No title and no script escapes the checks.
			expect([...shown.matchAll(/«/g)]).toHaveLength([...shown.matchAll(quotedTitle)].length);
			expect(scriptsIn(shown).filter((name) => !scripts.includes(name))).toEqual([]);
		},
	);

	test.each([
		...["REQ-MSG-001", "REQ-MSG-002", "REQ-MSG-003", "REQ-MSG-004", "REQ-MSG-005", "REQ-MSG-006", "REQ-MSG-007", "REQ-MSG-008"],
		...["NFR-MSG-PERF-001", "NFR-MSG-PERF-002", "SEC-003", "SEC-004", "SEC-005", "SEC-006", "USAB-003"],
	])("has %s", (requirement) => {
		expect(rows.filter(({ item }) => item.includes(requirement))).toHaveLength(1);
	});
});

/** `npm test` is the script `test`, `npm run bench -- steady` is `bench`. */
function scriptsIn(text: string): string[] {
	return [...text.matchAll(/`npm (?:run )?([\w:]+)[^`]*`/g)].map(([, name = ""]) => name);
}
