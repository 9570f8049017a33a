import { until } from "../../testing/until.ts";
import { tokenOf } from "../support/broker.ts";
import { connect } from "../support/gateway.ts";
import { openConversation, send } from "../support/platform.ts";
import { useNodes } from "../support/use-node.ts";

const [leaving, staying] = useNodes(
	{ services: ["gateway"] },
	{ services: ["gateway", "conversations", "directory", "messages", "presence"] },
);

test("a socket that was asked to move hears of new messages at once until it has moved", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(staying.calls);
	const client = await connect(leaving, await tokenOf(applicantId));
	const received: number[] = [];
	client.on("message_received", ({ message }, acknowledge) => {
		received.push(message.seq);
		acknowledge();
	});
	// Who connects waits for the registry for half a second only, and Redis in this process takes longer the first time.
	await until(async () => (await staying.calls.call("presence.locate", { userIds: [applicantId] })).nodes[applicantId]);
	const called: string[] = [];
	const call = leaving.broker.call.bind(leaving.broker);
	Object.assign(leaving.broker, {
		call(action: string, ...rest: []) {
			called.push(action);
			return call(action, ...rest);
		},
	});
	const asked = new Promise((resolve) => client.on("server_draining", resolve));
	const stopped = leaving.stop();
	await asked;
	await until(async () => {
		await send(staying.calls, conversationId, employerId);
		return received.length > 0;
	});
	// It was pushed, and not looked up later as something that had been lost.
	expect(called).not.toContain("messages.backlog");
	client.close();
	await stopped;
});
