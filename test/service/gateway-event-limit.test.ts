import { randomUUID } from "node:crypto";
import { until } from "../../testing/until.ts";
import { tokenOf } from "../support/broker.ts";
import { connect, disconnect } from "../support/gateway.ts";
import { openConversation } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

const node = useNode({ env: { RATE_LIMIT_SOCKET_EVENTS: "100/minute" } });

type Ack = { ok: boolean; error?: { code: string; details?: unknown } };

test("of 3,000 events that a socket sends at once 100 are done; the others are refused, cost nothing and log nothing", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const [flooding, other] = [await connect(node, await tokenOf(applicantId)), await connect(node, await tokenOf(employerId))];
	const events = ["join_conversation", "typing_start", "mark_read", "leave_conversation", "set_presence", "sync"];
	const logged = node.log.length;

	const answers = await Promise.all(
		Array.from({ length: 3_000 }, (_, i): Promise<Ack> => {
			const event = events[i % events.length] ?? "sync";
			return flooding.emitWithAck(event, { conversationId, status: "online" });
		}),
	);
	const refused = answers.filter(({ error }) => error?.code === "RATE_LIMITED");
	expect(refused).toHaveLength(2_900);
	expect(refused[0]?.error?.details).toEqual({ retryAfterSeconds: expect.any(Number) });
	expect(node.log.slice(logged)).toEqual([]);

	const sent: Ack = await other.emitWithAck("send_message", { conversationId, clientId: randomUUID(), content: "hello" });
	expect(sent.ok).toBe(true);
	const called: unknown[] = await new Promise((resolve) =>
		flooding.emit("call", "messages.list", { conversationId }, (...args: unknown[]) => resolve(args)),
	);
	expect(called[0]).toMatchObject({ code: "RATE_LIMITED" });
	const errors: Ack["error"][] = [];
	flooding.on("error", (error) => errors.push(error));
	flooding.emit("typing_stop", { conversationId });
	await until(() => errors.length > 0);
	expect(errors).toMatchObject([{ code: "RATE_LIMITED" }]);
	await disconnect(node, flooding, other);
});
