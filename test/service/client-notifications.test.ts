import { ChatClient } from "../../client/chat.ts";
import { deliver, push } from "../../services/push.ts";
import { eventually } from "../../testing/until.ts";
import { tokenOf } from "../support/broker.ts";
import { gatewayOf, urlOf } from "../support/gateway.ts";
import { openConversation } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(20_000);

let client: ChatClient | undefined;

// Above the node, so that this is closed before it stops.
afterAll(async () => {
	client?.close();
	await eventually(() => expect(gatewayOf(node).sockets.userIds()).toEqual([]));
});

const node = useNode({ services: ["conversations", "directory", "gateway", "messages", "presence"] });

test("the app hears of notifications and of their end, in order", async () => {
	const { conversationId, applicantId: senderId, employerId: userId } = await openConversation(node.calls);
	client = new ChatClient({ baseUrl: urlOf(node), token: await tokenOf(userId) });
	const heard: unknown[] = [];
	client.on("notification", (notification) => heard.push(notification));
	client.on("notification_cleared", (cleared) => heard.push(cleared));
	await client.connect();
	const notification = {
		kind: "NEW_MESSAGE",
		conversationId,
		seq: 1,
		senderId,
		title: "Alice Applicant",
		body: "Hello",
		count: 1,
	} as const;
	await deliver(node.broker, [
		push<"notification">(notification, { userId, event: "notification" }),
		push<"notification_cleared">({ conversationId }, { userId, event: "notification_cleared" }),
	]);
	await eventually(() => expect(heard).toEqual([notification, { conversationId }]));
});
