import { execFileSync } from "node:child_process";
import { Renderer } from "../../services/media/renderer.ts";
import { scan } from "../../services/media/scan.ts";
import { picture } from "../support/images.ts";

jest.setTimeout(30_000);

let renderer: Renderer;
beforeEach(() => {
	renderer = new Renderer();
});
afterEach(() => renderer.close());

test("images are made in a process of their own that gives way to others", async () => {
	const [result] = await Promise.all([renderer.render(await picture(1500, 1000).jpeg().toBuffer()), niceness()]);
	expect(result).toMatchObject({ mimeType: "image/jpeg", width: 1500, height: 1000 });
});

test("should that process die, its image is UNAVAILABLE and the next one is made", async () => {
	const large = await picture(1500, 1000).png().toBuffer();
	const doomed = renderer.render(large);
	for (const { pid } of children()) process.kill(pid, "SIGKILL");
	await expect(doomed).rejects.toMatchObject({ type: "UNAVAILABLE" });
	expect(await renderer.render(await picture().jpeg().toBuffer())).toMatchObject({ width: 64 });
});

test("no process is left behind", async () => {
	await renderer.render(await picture().jpeg().toBuffer());
	expect(children()).toHaveLength(1);
	await renderer.close();
	expect(children()).toEqual([]);
});

test.each([
	["true", "clean"],
	["false", "infected"],
	["grep -qv EICAR", "clean"],
])("%s says %s", async (command, verdict) => {
	expect(await scan(command, Buffer.from("an image"))).toBe(verdict);
});

test.each(["no-such-program -", "sh -c", "grep --no-such-option"])("%s says nothing: UNAVAILABLE", async (command) => {
	await expect(scan(command, Buffer.alloc(1_000_000))).rejects.toMatchObject({ type: "UNAVAILABLE" });
});

async function niceness(): Promise<void> {
	expect(children().map(({ nice }) => nice)).toEqual([5]);
}

/** Those of this process that make images. */
function children(): { pid: number; nice: number }[] {
	const lines = execFileSync("ps", ["-o", "pid=,ni=,args=", "--ppid", String(process.pid)], { encoding: "utf8" }).split("\n");
	return lines
		.filter((line) => line.includes("render-process"))
		.map((line) => line.trim().split(/\s+/))
		.map(([pid, nice]) => ({ pid: Number(pid), nice: Number(nice) }));
}
