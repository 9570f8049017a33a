import { until } from "../../testing/until.ts";
import { tokenOf } from "../support/broker.ts";
import { connect, disconnect, gatewayOf } from "../support/gateway.ts";
import { openConversation, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

const node = useNode();

test("A device that acknowledges nothing gets every message and makes its socket remember no more than a thousand", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const client = await connect(node, await tokenOf(applicantId));
	const seqs = new Set<number>();
	client.on("message_received", ({ message }: { message: { seq: number } }) => seqs.add(message.seq));

	await Promise.all(Array.from({ length: 1_200 }, () => send(node.calls, conversationId, employerId)));

	await until(() => seqs.size === 1_200);
	const [socket] = gatewayOf(node).sockets.of(applicantId) as unknown as { acks: Map<number, unknown> }[];
	expect(socket?.acks.size).toBe(1_000);
	await disconnect(node, client);
});
