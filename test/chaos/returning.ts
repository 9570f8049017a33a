import { randomUUID } from "node:crypto";
import { RestClient } from "../../client/rest.ts";
import { inParallel } from "../../testing/in-parallel.ts";
import type { Target } from "../../testing/target.ts";
import { until } from "../../testing/until.ts";
import { Device } from "../system/core/device.ts";

const [conversations, messagesEach, content] = [100, 10, "x".repeat(600)] as const;
const atOnce = 8;

/** Until all that somebody missed must have come: the pages go out as fast as they are acknowledged. */
const caughtUpMs = 20_000;

/** Somebody comes back to 1,000 unread messages in 100 conversations, and gets each over the one connection that they make. */
export async function comeBack(target: Target): Promise<void> {
	const baseUrl = target.baseUrls[0];
	const platform = new RestClient({ baseUrl, token: await target.platformToken() });
	const returningId = `returning-${randomUUID()}`;
	await platform.putUser(returningId, { name: "Somebody who was away" });
	const token = await target.userToken(returningId);
	const returning = new RestClient({ baseUrl, token });
	await inParallel(atOnce, Array.from({ length: conversations }), async () => {
		const [employerId, jobApplicationId] = [`employer-${randomUUID()}`, `application-${randomUUID()}`];
		await platform.putUser(employerId, { name: "Employer" });
		await platform.putApplication(jobApplicationId, {
			applicantId: returningId,
			employerId,
			jobTitle: "Traveller",
			status: "APPLIED",
		});
		const { id } = await returning.createConversation(jobApplicationId);
		const employer = new RestClient({ baseUrl, token: await target.userToken(employerId) });
		for (let i = 0; i < messagesEach; i++) await employer.sendMessage(id, { clientId: randomUUID(), content });
	});

	const device = await Device.connect(baseUrl, { token });
	try {
		const received = () => new Set(device.heard("message_received").map(({ message }) => message.id)).size;
		await until(() => received() === conversations * messagesEach, { timeoutMs: caughtUpMs, intervalMs: 200 });
		if (device.closedBy) throw new Error(`the returning person was disconnected: ${device.closedBy}`);
	} finally {
		device.close();
	}
}
