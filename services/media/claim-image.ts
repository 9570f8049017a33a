import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Params, Result } from "../contracts.ts";
import { claimSeconds } from "./image-lifecycle.ts";
import { type ReadyRow, readyColumns, toStoredImage } from "./stored-image.ts";

/** Reserves an image for one message, known by its clientId. The first claim gets it. NOT_FOUND, IMAGE_NOT_READY. */
export async function claimImage(db: Database, params: Params<"media.claim">): Promise<Result<"media.claim">> {
	const { imageId, conversationId, uploaderId, clientId } = params;
	const [claimed] = await db.query<ReadyRow & { claimed_until: string }>(claimStatement, [
		imageId,
		conversationId,
		uploaderId,
		clientId,
	]);
	if (claimed) return { ...toStoredImage(claimed), claimedUntil: claimed.claimed_until };
	const [found] = await db.query<{ status: string }>(findStatement, [imageId, conversationId, uploaderId]);
	if (found?.status === "PENDING") throw imageNotReady("NOT_CONFIRMED");
	if (found?.status === "READY") throw imageNotReady("ALREADY_SENT");
	throw new ParleyError("NOT_FOUND");
}

/**
 * Ends the claim. If a message with the image was stored after all, no harm is done: the clean-up asks `messages` before it
 * deletes, and `messages` refuses to store an image twice.
 */
export async function releaseImage(db: Database, imageId: string, clientId: string): Promise<void> {
	await db.query(releaseStatement, [imageId, clientId]);
}

/** The image exists but cannot be used: it is not confirmed yet, or another message has it. */
export function imageNotReady(reason: "NOT_CONFIRMED" | "ALREADY_SENT"): ParleyError {
	return new ParleyError("IMAGE_NOT_READY", { details: { reason } });
}

const claimStatement = statement(
	"media.claim",
	`update images set client_id = $4, claimed_at = now(), updated_at = now()
	where id = $1 and conversation_id = $2 and uploader_id = $3 and status = 'READY' and (client_id is null or client_id = $4)
	returning ${readyColumns}, now()::timestamptz(3) + interval '${claimSeconds} seconds' as claimed_until`,
);

const findStatement = statement(
	"media.claim.find",
	"select status from images where id = $1 and conversation_id = $2 and uploader_id = $3",
);

const releaseStatement = statement(
	"media.release",
	"update images set client_id = null, updated_at = now() where id = $1 and client_id = $2 and sent_at is null",
);
