import { until } from "../../testing/until.ts";
import { urlOf } from "../support/gateway.ts";
import { useNode } from "../support/use-node.ts";

/** The checks that were made, by the action that was asked. */
let checks: string[];

const node = useNode();

beforeAll(async () => {
	const call = node.broker.call.bind(node.broker);
	checks = [];
	Object.assign(node.broker, {
		call(action: string, ...rest: []) {
			if (action.endsWith(".health")) checks.push(action);
			return call(action, ...rest);
		},
	});
});

test("1,500 who ask at once whether the gateway is ready are all told so, by a few checks", async () => {
	const asked = Array.from({ length: 1_500 }, () => fetch(`${urlOf(node)}/health/ready`, { headers: { connection: "close" } }));
	const statuses = await Promise.all(asked.map(async (one) => (await one).status));
	expect(new Set(statuses)).toEqual(new Set([200]));
	expect(checks.filter((action) => action === "messages.health").length).toBeLessThan(30);
});

test("what happens later is seen: an answer is remembered for a second only", async () => {
	const before = checks.length;
	await until(async () => {
		expect((await fetch(`${urlOf(node)}/health/ready`)).status).toBe(200);
		return checks.length > before;
	});
});
