import { Emitter } from "../../client/emitter.ts";

interface Events {
	news: { count: number };
	error: { message: string };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function anEmitter() {
	const failures: { event: string; error: unknown }[] = [];
	const events = new Emitter<Events>((event, error) => failures.push({ event, error }));
	return { events, failures };
}

test("a handler that throws, or rejects, is reported and does not stop the others", async () => {
	const { events, failures } = anEmitter();
	const heard: number[] = [];
	const [thrown, rejected] = [new Error("thrown"), new Error("rejected")];
	events.on("news", () => {
		throw thrown;
	});
	events.on("news", async () => {
		await settled();
		throw rejected;
	});
	events.on("news", ({ count }) => void heard.push(count));
	events.emit("news", { count: 1 });
	await settled();
	await settled();
	expect(heard).toEqual([1]);
	expect(failures).toEqual([
		{ event: "news", error: thrown },
		{ event: "news", error: rejected },
	]);
});
