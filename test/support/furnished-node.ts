import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStorage } from "../../embedded/storage.ts";
import { serviceNames } from "../../lib/config/service-names.ts";
import type { Calls } from "../../services/contracts.ts";
import { storageEnv } from "../../testing/storage-env.ts";
import { as, startBroker, type TestNode } from "./broker.ts";
import { createMigratedDatabase } from "./database.ts";
import { picture } from "./images.ts";
import { deadNotification, tokenOfMailTo, webPushEnv } from "./notifications.ts";
import { type Conversing, type Pair, registerUser, send } from "./platform.ts";
import type { Place, Things } from "./security-table.ts";

/** All of Parley in this process, with a database and a storage of its own. */
export interface FurnishedNode extends TestNode {
	databaseUrl: string;
	/** A message "hello", two confirmed images and a device, all by the applicant. */
	furnish(conversing: Conversing): Promise<Place>;
	thingsOf(pair: Pair): Promise<Things>;
}

export async function startFurnishedNode(): Promise<FurnishedNode> {
	const database = await createMigratedDatabase();
	const dataDir = mkdtempSync(join(tmpdir(), "parley-furnished-"));
	const storage = await startStorage({ dataDir });
	const node = await startBroker({
		databaseUrl: database.url,
		services: serviceNames,
		env: { ...storageEnv(storage.s3), ...webPushEnv },
	});
	return {
		...node,
		databaseUrl: database.url,
		async furnish(conversing) {
			const { conversationId, applicantId, employerId, jobApplicationId } = conversing;
			const { id: messageId } = await send(node.calls, conversationId, applicantId, "hello");
			const imageId = await confirmedImage(node.calls, conversing);
			const spareImageId = await confirmedImage(node.calls, conversing);
			const device = { kind: "fcm", token: randomUUID() } as const;
			const { id: deviceId } = await node.calls.call("notifier.addDevice", device, as(applicantId));
			return { conversationId, jobApplicationId, messageId, imageId, spareImageId, deviceId, partnerId: employerId };
		},
		async thingsOf({ applicantId, employerId }) {
			const leavingId = await registerUser(node.calls);
			const unsubscribeToken = await tokenOfMailTo(applicantId, database.url);
			const deadNotificationId = await deadNotification(database.url, applicantId);
			return { applicantId, employerId, leavingId, unsubscribeToken, deadNotificationId };
		},
		async stop() {
			await node.stop();
			await storage.stop();
			await database.drop();
			rmSync(dataDir, { recursive: true });
		},
	};
}

async function confirmedImage(calls: Calls, { conversationId, applicantId }: Conversing): Promise<string> {
	const bytes = await picture().png().toBuffer();
	const wanted = { conversationId, filename: "photo.png", mimeType: "image/png", sizeBytes: bytes.length } as const;
	const { imageId, uploadUrl, method, headers } = await calls.call("media.requestUpload", wanted, as(applicantId));
	await fetch(uploadUrl, { method, headers, body: new Uint8Array(bytes) });
	await calls.call("media.confirm", { conversationId, imageId }, as(applicantId));
	return imageId;
}
