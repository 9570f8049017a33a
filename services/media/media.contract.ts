import { z } from "zod";
import { ClientId, Id, Line, PlatformId, Time } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";

/** What may be uploaded. The content decides, not what was declared. */
export const imageTypes = ["image/jpeg", "image/png", "image/webp"] as const;
export type ImageType = (typeof imageTypes)[number];

/** 5 MiB. */
export const maxUploadBytes = 5 * 1024 * 1024;

/** `details.reason` of IMAGE_REJECTED. The upload is deleted: start afresh. */
export const rejectionReasons = [
	/** Nothing was uploaded, or it was deleted meanwhile. */
	"NOT_UPLOADED",
	/** Another size than was declared. */
	"SIZE_MISMATCH",
	"TOO_LARGE",
	/** Neither JPEG nor PNG nor WebP by its content. */
	"WRONG_TYPE",
	/** In all, or on a side. */
	"TOO_MANY_PIXELS",
	/** It takes more time or memory than an image may, or was tried twice without an outcome. */
	"TOO_COSTLY",
	/** It cannot be decoded to its end. */
	"CORRUPT",
	/** The virus scanner found something. */
	"INFECTED",
] as const;
export type RejectionReason = (typeof rejectionReasons)[number];

/** An image as other services keep it: where its objects are, without the right to fetch them. */
export const StoredImage = z.object({
	id: z.guid(),
	mimeType: z.enum(imageTypes),
	/** Of the original as it can be downloaded. */
	fileSizeBytes: z.int(),
	/** In pixels, upright. */
	width: z.int(),
	height: z.int(),
	/** A ThumbHash (https://evanw.github.io/thumbhash/) in base64. */
	placeholder: z.string(),
	/** Keys in the bucket. */
	storageKey: z.string(),
	previewKey: z.string(),
	thumbnailKey: z.string(),
	/** When it will be deleted by itself. */
	deleteAfter: Time,
});
export type StoredImage = z.infer<typeof StoredImage>;

/** An image as clients see it. */
export const Image = StoredImage.omit({ storageKey: true, previewKey: true, thumbnailKey: true }).extend({
	/** Upright, without metadata, in its own format. */
	originalUrl: z.url(),
	/** WebP, at most 1280 pixels a side. */
	previewUrl: z.url(),
	/** WebP, at most 320 pixels a side. */
	thumbnailUrl: z.url(),
	/** From then on ask again. */
	urlsExpireAt: Time,
});
export type Image = z.infer<typeof Image>;

const One = z.object({ imageId: Id });
const Use = z.object({ imageId: Id, conversationId: Id });

export const media = {
	actions: {
		/** Where to PUT an image, with exactly these headers and this size, within ten minutes. Then `confirm`. */
		requestUpload: {
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "uploads",
			routes: ["POST /conversations/:conversationId/messages/images/upload-url"],
			statuses: [201],
			params: z.object({
				conversationId: Id,
				filename: Line(255),
				mimeType: z.enum(imageTypes),
				sizeBytes: z.int().min(1).max(maxUploadBytes),
			}),
			result: z.object({
				imageId: z.guid(),
				uploadUrl: z.url(),
				method: z.literal("PUT"),
				headers: z.record(z.string(), z.string()),
				expiresAt: Time,
			}),
		},
		/** Verifies an upload and makes its renditions; again: the same answer. IMAGE_REJECTED, UNAVAILABLE when too many wait. */
		confirm: {
			access: { role: "user", conversation: "conversationId", image: "imageId", uploader: true },
			rateLimit: "confirms",
			routes: ["POST /conversations/:conversationId/messages/images/confirm"],
			params: Use,
			result: Image,
		},
		/** With fresh URLs. NOT_FOUND, IMAGE_NOT_READY. */
		get: {
			access: { role: "user", image: "imageId" },
			rateLimit: "queries",
			routes: ["GET /images/:imageId"],
			isSocketQuery: true,
			params: One,
			result: Image,
		},
		/** By its uploader, sent or not. NOT_FOUND when it is gone already. */
		delete: {
			access: { role: "user", image: "imageId", uploader: true },
			routes: ["DELETE /images/:imageId"],
			statuses: [204],
			params: One,
			result: z.null(),
		},
		/**
		 * Keeps an image for the message with this clientId; again: the same answer. NOT_FOUND unless the uploader uploaded it for
		 * this conversation; IMAGE_NOT_READY when it is not confirmed or kept for another message.
		 */
		claim: {
			access: "internal",
			params: Use.extend({ uploaderId: PlatformId, clientId: ClientId }),
			/** `claimedUntil`: by the clock of the database; the message must be stored by then, or the image claimed again. */
			result: StoredImage.extend({ claimedUntil: Time }),
		},
		/** The message was refused: another may have the image. */
		release: { access: "internal", params: One.extend({ clientId: ClientId }), result: z.null() },
		/** Whose an image is; never changes. NOT_FOUND. */
		locate: { access: "internal", params: One, result: z.object({ conversationId: z.guid(), uploaderId: PlatformId }) },
		/** Fresh URLs, in order, for services that do not know the storage. */
		sign: { access: "internal", params: z.object({ images: z.array(StoredImage) }), result: z.array(Image) },
		/** Deletes what is due: after 90 days, never confirmed or sent within 24 hours, or not deleted at the first try. */
		cleanUp: { access: "internal", params: z.object({}), result: z.object({ deleted: z.int(), failed: z.int() }) },
		/** Compares storage and database; what is younger than `minAgeMinutes` may be under way and is left out. */
		reconcile: {
			access: "internal",
			params: z.object({ minAgeMinutes: z.int().min(0).default(60) }),
			result: z.object({
				/** Keys of objects that no image has. At most 1,000. */
				objectsWithoutRow: z.array(z.string()),
				/** Images of which an object is missing. At most 1,000. */
				rowsWithoutObject: z.array(z.guid()),
			}),
		},
		/** Answers when the database and the storage do. */
		health: { access: "internal", params: z.object({}), result: z.null() },
	},
	events: {},
} satisfies ServiceContract;
