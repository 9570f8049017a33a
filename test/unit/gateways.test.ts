import { Gateways } from "../../client/gateways.ts";

test("an address that fails for any number of requests at once is left once", () => {
	for (const failures of [1, 2, 3, 4]) {
		const gateways = new Gateways(["http://one", "http://two/"]);
		const failed = gateways.current;
		for (let count = 0; count < failures; count++) gateways.moveOn(failed);
		expect(gateways.current).toBe("http://two");
	}
});

test("when the next one fails too, it goes on in turn", () => {
	const gateways = new Gateways(["http://one", "http://two"]);
	gateways.moveOn("http://one");
	gateways.moveOn("http://two");
	expect(gateways.current).toBe("http://one");
});

test("a function that names addresses is asked once a failure, and when it throws the address stays", () => {
	const names = ["http://one", "http://two"];
	const gateways = new Gateways(() => {
		const name = names.shift();
		if (name === undefined) throw new Error("the directory is away");
		return name;
	});
	gateways.moveOn("http://one");
	gateways.moveOn("http://one");
	expect(gateways.current).toBe("http://two");
	gateways.moveOn("http://two");
	expect(gateways.current).toBe("http://two");
});
