import type { Context, ServiceSchema } from "moleculer";
import { callTimeoutMs, requestDeadlineMs } from "../../lib/timeouts.ts";
import { until } from "../../testing/until.ts";
import { as, type OneEach, startBrokers, type TestNode, tokenOf } from "../support/broker.ts";
import { urlOf } from "../support/gateway.ts";
import { registerUser } from "../support/platform.ts";
import { useDatabase } from "../support/use-node.ts";

jest.setTimeout(120_000);

/** How often each action was asked for, and on which node. */
let asked: Map<string, string[]>;
let nodes: TestNode[] = [];
/** Ends the handlers that hang. */
const hanging: (() => void)[] = [];

const database = useDatabase();

beforeEach(() => {
	asked = new Map();
});

afterEach(async () => {
	for (const end of hanging.splice(0)) end();
	for (const node of nodes) await node.stop();
	nodes = [];
});

test("an action that hangs behind REST is asked for twice at the most, and answered within the deadline", async () => {
	const conversations = service("conversations", { list: { handler: hang } });
	const [gateway] = await start({ services: ["gateway"] }, { services: ["directory"], others: [conversations] });
	const token = await tokenOf(await registerUser(gateway.calls));

	const startedMs = performance.now();
	const answer = await fetch(`${urlOf(gateway)}/conversations`, {
		headers: { authorization: `Bearer ${token}`, connection: "close" },
	});
	const waitedMs = performance.now() - startedMs;
	process.stdout.write(`${answer.status} after ${Math.round(waitedMs)} ms and ${timesAsked("conversations.list")} attempts\n`);
	expect(answer.status).toBe(503);
	expect(waitedMs).toBeLessThan(requestDeadlineMs + 500);
	expect(timesAsked("conversations.list")).toBe(2);
});

test("one attempt takes no longer than the time-out of a call", async () => {
	const [caller] = await start({}, { others: [service("slow", { hang: { handler: hang } })] });
	const call = caller.broker.call("slow.hang", {}, { retries: 0 });
	const startedMs = performance.now();
	await expect(call).rejects.toMatchObject({ type: "REQUEST_TIMEOUT" });
	const waitedMs = performance.now() - startedMs;
	expect(waitedMs).toBeGreaterThan(callTimeoutMs - 100);
	expect(waitedMs).toBeLessThan(callTimeoutMs + 500);
	expect(timesAsked("slow.hang")).toBe(1);
	expect(caller.broker.transit?.pendingRequests.size).toBe(0);
});

test("an action that says it takes longer has its own time-out for an attempt", async () => {
	const timeout = callTimeoutMs + 500;
	const [caller] = await start({}, { others: [service("slow", { hang: { timeout, handler: hang } })] });
	const startedMs = performance.now();
	await expect(caller.broker.call("slow.hang")).rejects.toMatchObject({ type: "REQUEST_TIMEOUT" });
	expect(performance.now() - startedMs).toBeGreaterThan(timeout - 100);
	expect(timesAsked("slow.hang")).toBe(1);
});

test("what failed on a deeper hop is not asked for again by the hops above", async () => {
	const deep = service("deep", { hang: { handler: hang } });
	const middle = service("middle", {
		ask: { handler: (ctx) => ctx.call("deep.hang", {}, { timeout: 200, retries: 0 }) },
	});
	const [caller] = await start({}, { others: [middle] }, { others: [deep] });
	await expect(caller.broker.call("middle.ask")).rejects.toMatchObject({ type: "REQUEST_TIMEOUT" });
	expect([timesAsked("middle.ask"), timesAsked("deep.hang")]).toEqual([1, 1]);
});

test("a local call is never repeated", async () => {
	const local = service("local", { hang: { handler: hang } });
	const [node] = await start({ others: [local] });
	await expect(node.broker.call("local.hang", {}, { timeout: 100 })).rejects.toMatchObject({ type: "REQUEST_TIMEOUT" });
	expect(timesAsked("local.hang")).toBe(1);
});

test("a nested call ends with its caller", async () => {
	const deep = service("deep", { hang: { handler: hang } });
	let endedMs = 0;
	const middle = service("middle", {
		ask: {
			handler: (ctx) =>
				ctx.call("deep.hang").finally(() => {
					endedMs = performance.now();
				}),
		},
	});
	const [caller] = await start({}, { others: [middle] }, { others: [deep] });
	const startedMs = performance.now();
	await expect(caller.broker.call("middle.ask", {}, { timeout: 300 })).rejects.toMatchObject({ type: "REQUEST_TIMEOUT" });
	await until(() => endedMs > 0);
	expect(endedMs - startedMs).toBeLessThan(500);
});

test("what is asked to authorize a call ends with the call", async () => {
	const asking = service("conversations", { participants: { handler: hang } });
	const [caller, authorizing] = await start({}, { services: ["messages"] }, { others: [asking] });
	const params = { conversationId: "0190a0b0-0000-7000-8000-000000000000" };
	const call = caller.calls.call("messages.list", params, { ...as("somebody"), timeout: 300, retries: 0 });
	await until(() => timesAsked("conversations.participants") === 1);
	expect(authorizing.broker.transit?.pendingRequests.size).toBe(1);
	await expect(call).rejects.toMatchObject({ type: "REQUEST_TIMEOUT" });
	await until(() => authorizing.broker.transit?.pendingRequests.size === 0, { timeoutMs: 1_000 });
});

test("what a node that is leaving refuses is asked of another", async () => {
	const echo = () => service("echo", { say: { handler: async () => "said" } });
	const [caller, leaving, staying] = await start({}, { others: [echo()] }, { others: [echo()] });
	await until(() => nodesWith(caller, "echo.say") === 2);
	Object.assign(leaving.broker, { stopping: true });
	const answers = await Promise.all(Array.from({ length: 10 }, () => caller.broker.call("echo.say")));
	expect(new Set(answers)).toEqual(new Set(["said"]));
	expect(new Set(asked.get("echo.say"))).toEqual(new Set([staying.broker.nodeID]));
	Object.assign(leaving.broker, { stopping: false });
});

test("what a node had not answered when it left is asked of another", async () => {
	const works = (ctx: Ctx): Promise<unknown> => (asked.get("slow.work")?.length === 1 ? hang(ctx) : Promise.resolve("done"));
	const slow = () => service("slow", { work: { handler: works } });
	const [caller] = await start({}, { others: [slow()] }, { others: [slow()] });
	await until(() => nodesWith(caller, "slow.work") === 2);
	const call = caller.broker.call("slow.work");
	const [first = ""] = await until(() => asked.get("slow.work"));
	caller.broker.registry.discoverer.remoteNodeDisconnected(first, true);
	expect(await call).toBe("done");
	expect(timesAsked("slow.work")).toBe(2);
});

type Ctx = Context<object>;
type Handler = (ctx: Ctx) => Promise<unknown>;

/** A service that counts what it is asked for. */
function service(
	name: string,
	actions: Record<string, { handler: Handler; access?: object | string; timeout?: number }>,
): ServiceSchema {
	const counted = Object.entries(actions).map(([action, { handler, ...options }]) => {
		const full = `${name}.${action}`;
		return [
			action,
			{
				...options,
				handler(ctx: Ctx) {
					asked.set(full, [...(asked.get(full) ?? []), ctx.broker.nodeID]);
					return handler(ctx);
				},
			},
		];
	});
	return { name, actions: Object.fromEntries(counted) };
}

/** Ends with the test: a node that stops waits for what it is asked. */
function hang(_: Ctx): Promise<undefined> {
	return new Promise((resolve) => hanging.push(() => resolve(undefined)));
}

function timesAsked(action: string): number {
	return asked.get(action)?.length ?? 0;
}

/** How many nodes `node` knows to have an action. */
function nodesWith({ broker }: TestNode, action: string): number {
	return broker.registry.getActionEndpoints(action)?.endpoints.length ?? 0;
}

async function start<N extends object[]>(...options: N): Promise<OneEach<N>> {
	nodes = await startBrokers(...options.map((node) => ({ databaseUrl: database.url, services: [], ...node })));
	// The array that `map` returns has no length in its type.
	return nodes as OneEach<N>;
}
