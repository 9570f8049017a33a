import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/**
 * What each room may import, besides itself (CONTRIBUTING has the reasons). `services` are the files that all services share,
 * `contract` is any service's contract, `service` the code of one service, which no other service may import.
 */
const allowed: Record<string, readonly string[]> = {
	lib: [],
	client: [],
	mixins: ["lib"],
	migrations: ["lib"],
	contract: ["lib", "contract"],
	services: ["lib", "mixins", "contract"],
	service: ["lib", "mixins", "services", "contract"],
	middlewares: ["lib", "mixins", "services"],
	// Where everything comes together.
	embedded: ["lib", "mixins", "migrations", "services", "service"],
	"moleculer.config.ts": ["lib", "mixins", "migrations", "middlewares", "embedded", "service"],
	scripts: ["lib", "migrations", "embedded", "client"],
	// What tests and benchmarks share; neither imports the other.
	testing: ["lib", "embedded", "service"],
	bench: ["lib", "mixins", "migrations", "embedded", "moleculer.config.ts", "services", "contract", "service", "testing"],
};

interface Import {
	file: string;
	target: string;
}

const root = join(__dirname, "../..");

/** `services/media/confirm.ts` is of the room `service`. */
function roomOf(file: string): string {
	const [top = "", ...rest] = file.split("/");
	if (top !== "services") return top;
	if (rest.length === 1) return "services";
	return file.endsWith(".contract.ts") ? "contract" : "service";
}

const serviceOf = (file: string) => file.split("/")[1];

const files = Object.keys(allowed).flatMap((room) =>
	room.endsWith(".ts")
		? [room]
		: globSync(`${room === "contract" || room === "service" ? "services" : room}/**/*.ts`, { cwd: root }),
);

const imports: Import[] = [...new Set(files)].flatMap((file) =>
	[...readFileSync(join(root, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g)].map(([, path = ""]) => ({
		file,
		target: normalize(join(dirname(file), path)),
	})),
);

function isAllowed({ file, target }: Import): boolean {
	const [from, to] = [roomOf(file), roomOf(target)];
	if (from === "service" && to === "service") return serviceOf(file) === serviceOf(target);
	return from === to || (allowed[from] ?? []).includes(to);
}

test("no import goes upward, or from one service into another's code", () => {
	expect(imports.length).toBeGreaterThan(500);
	expect(imports.filter((one) => !isAllowed(one))).toEqual([]);
});

/** The one file of `lib` that reads a file: it reads `.env`, once, at the start. */
const envFile = "lib/config/env-file.ts";

test.each(["lib", "client"])("%s reads and writes nothing by itself: it imports no module of Node that does", (room) => {
	const io = /(?:from|import)\s*\(?\s*"node:(?:fs|child_process|net|http|https|dgram|worker_threads|cluster|os)(?:\/\w+)?"/;
	const doing = globSync(`${room}/**/*.ts`, { cwd: root }).filter((file) => io.test(readFileSync(join(root, file), "utf8")));
	expect(doing).toEqual(room === "lib" ? [envFile] : []);
});

test("only lib/config reads the environment", () => {
	const environment = /process\s*\.\s*env\b|process\["env"\]|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b|"node:process"/;
	const product = [...new Set(files)].filter((file) => !["bench", "testing"].includes(roomOf(file)));
	const reading = product.filter((file) => environment.test(readFileSync(join(root, file), "utf8")));
	expect(reading.sort()).toEqual(["lib/config/child-env.ts", "lib/config/config.ts"]);
});

test("contracts can be read by tools that start nothing: of packages they load zod alone, and no module of Node", () => {
	const loaded = new Set<string>();
	const packages = new Set<string>();
	const load = (file: string) => {
		if (loaded.has(file)) return;
		loaded.add(file);
		for (const name of valueImportsOf(file)) {
			if (name.startsWith(".")) load(normalize(join(dirname(file), name)));
			else packages.add(name);
		}
	};
	load("services/contracts.ts");
	for (const contract of globSync("services/*/*.contract.ts", { cwd: root })) load(contract);
	expect(loaded.size).toBeGreaterThan(10);
	expect([...packages]).toEqual(["zod"]);
});

/** The names of what a file imports to run, without what it imports for its types alone. */
function valueImportsOf(file: string): string[] {
	const source = readFileSync(join(root, file), "utf8");
	const statements = [
		/^(?:import|export)\b(?!\s+type\b)[^;"=]*?\bfrom\s+"([^"]+)"/gm,
		/^import\s+"([^"]+)"/gm,
		/\b(?:import|require)\(\s*"([^"]+)"/g,
	];
	return statements.flatMap((statement) => [...source.matchAll(statement)].map(([, name = ""]) => name));
}
