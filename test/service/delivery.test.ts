import type { Push } from "../../services/gateway/gateway.contract.ts";
import { deliver, push } from "../../services/push.ts";
import { until } from "../../testing/until.ts";
import { useNodes } from "../support/use-node.ts";
import { recordingGateway } from "../support/watchers.ts";

const calls: Push[][] = [];
const [sender] = useNodes({ services: [] }, { services: [], others: [recordingGateway([], calls)] });

test("many pushes to a gateway go in calls of about half a megabyte, all of them and in order", async () => {
	const sent = Array.from({ length: 3_000 }, (_, count) =>
		push(
			{ conversationId: "x".repeat(1_000), count, lastSeq: 1, total: count, totalLastSeq: 1 },
			{ userId: `user-${count}`, event: "unread_count" },
		),
	);
	await deliver(sender.broker, sent);
	await until(() => calls.flat().length === sent.length);
	expect(calls.flat()).toEqual(sent);
	const sizes = calls.map((pushes) => JSON.stringify(pushes).length);
	expect(Math.max(...sizes)).toBeLessThan(512 * 1024);
	expect(sizes.length).toBeLessThan(12);
});
