import { z } from "zod";
import { exampleIds } from "../../lib/example-ids.ts";
import { ClientId, Id, Line, PlatformId, Time } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";

export type { RejectionReason } from "../../lib/error-catalogue.ts";

/** The types that may be uploaded. The content of an upload must have one of them, whatever type was declared. */
export const imageTypes = ["image/jpeg", "image/png", "image/webp"] as const;
export type ImageType = (typeof imageTypes)[number];

/** 5 MiB. */
export const maxUploadBytes = 5 * 1024 * 1024;

/** An image as other services store it: with the keys of its objects, without signed URLs. */
export const StoredImage = z.object({
	id: z.guid(),
	mimeType: z.enum(imageTypes),
	fileSizeBytes: z.int().meta({ description: "The size of the original as it can be downloaded." }),
	width: z.int().meta({ description: "In pixels, upright." }),
	height: z.int().meta({ description: "In pixels, upright." }),
	placeholder: z.string().meta({ description: "A ThumbHash (https://evanw.github.io/thumbhash/) in base64." }),
	storageKey: z.string().meta({ description: "The key of the original in the bucket." }),
	previewKey: z.string().meta({ description: "The key of the preview in the bucket." }),
	thumbnailKey: z.string().meta({ description: "The key of the thumbnail in the bucket." }),
	deleteAfter: Time.meta({ description: "When the image will be deleted automatically." }),
});
export type StoredImage = z.infer<typeof StoredImage>;

/** An image as clients see it. */
export const Image = StoredImage.omit({ storageKey: true, previewKey: true, thumbnailKey: true })
	.extend({
		originalUrl: z.url().meta({ description: "Upright, without metadata, in its own format." }),
		previewUrl: z.url().meta({ description: "WebP, at most 1280 pixels a side." }),
		thumbnailUrl: z.url().meta({ description: "WebP, at most 320 pixels a side." }),
		urlsExpireAt: Time.meta({ description: "From then on the client must ask for the image again to get fresh URLs." }),
	})
	.meta({ description: "An image with URLs from which it can be downloaded." });
export type Image = z.infer<typeof Image>;

const ImageRef = z.object({ imageId: Id });
const ImageRefWithExample = ImageRef.meta({ examples: [{ imageId: exampleIds.image }] });
const ImageInConversation = z.object({ imageId: Id, conversationId: Id });
const example = { imageId: exampleIds.image, conversationId: exampleIds.conversation };

export const media = {
	actions: {
		requestUpload: {
			description:
				"Gives a URL for the upload of an image. The client sends a PUT there with exactly these headers and this size within ten " +
				"minutes, and then confirms.",
			access: { role: "user", conversation: "conversationId" },
			rateLimit: "uploads",
			routes: ["POST /conversations/:conversationId/messages/images/upload-url"],
			statuses: [201],
			errors: [],
			params: z
				.object({
					conversationId: Id,
					filename: Line(255),
					mimeType: z.enum(imageTypes),
					sizeBytes: z.int().min(1).max(maxUploadBytes),
				})
				.meta({
					examples: [
						{ conversationId: exampleIds.conversation, filename: "photo.jpg", mimeType: "image/jpeg", sizeBytes: 204_800 },
					],
				}),
			result: z.object({
				imageId: z.guid(),
				uploadUrl: z.url(),
				method: z.literal("PUT"),
				headers: z.record(z.string(), z.string()).meta({ description: "The upload must have exactly these headers." }),
				expiresAt: Time.meta({ description: "The URL works until then." }),
			}),
		},
		confirm: {
			description:
				"Verifies an upload and makes its renditions. A repeated call gives the same answer. UNAVAILABLE when too many uploads wait, or " +
				"when the storage or the scanner is unavailable: then confirm again.",
			access: { role: "user", conversation: "conversationId", image: "imageId", uploader: true },
			rateLimit: "confirms",
			routes: ["POST /conversations/:conversationId/messages/images/confirm"],
			errors: ["IMAGE_REJECTED"],
			params: ImageInConversation.meta({ examples: [example] }),
			result: Image,
		},
		get: {
			description: "An image with fresh URLs.",
			access: { role: "user", image: "imageId" },
			rateLimit: "queries",
			routes: ["GET /images/:imageId"],
			isSocketQuery: true,
			errors: ["IMAGE_NOT_READY"],
			params: ImageRefWithExample,
			result: Image,
		},
		delete: {
			description: "Deletes an image of the caller's own, sent or not. Its message stays. NOT_FOUND when it was deleted before.",
			access: { role: "user", image: "imageId", uploader: true },
			routes: ["DELETE /images/:imageId"],
			statuses: [204],
			errors: [],
			params: ImageRefWithExample,
			result: z.null(),
		},
		claim: {
			description:
				"Reserves an image for the message with this clientId. A repeated call gives the same answer. NOT_FOUND unless the uploader uploaded " +
				"it for this conversation; IMAGE_NOT_READY when it is not confirmed or is reserved for another message.",
			access: "internal",
			errors: ["NOT_FOUND", "IMAGE_NOT_READY"],
			params: ImageInConversation.extend({ uploaderId: PlatformId, clientId: ClientId }),
			result: StoredImage.extend({
				claimedUntil: Time.meta({
					description: "The message must be stored by then, by the clock of the database, or the image must be claimed again.",
				}),
			}),
		},
		release: {
			description: "Ends the reservation of an image whose message was refused. Another message may then have it.",
			access: "internal",
			params: ImageRef.extend({ clientId: ClientId }),
			result: z.null(),
		},
		locate: {
			description: "The conversation and the uploader of an image. They never change.",
			access: "internal",
			errors: ["NOT_FOUND"],
			params: ImageRef,
			result: z.object({ conversationId: z.guid(), uploaderId: PlatformId }),
		},
		sign: {
			description: "The images with fresh URLs, in order. For services that have no access to the storage.",
			access: "internal",
			params: z.object({ images: z.array(StoredImage) }),
			result: z.array(Image),
		},
		cleanUp: {
			description:
				"Deletes what is due: images after 90 days, uploads that were not confirmed or not sent within 24 hours, and what could not be " +
				"deleted before.",
			access: "internal",
			params: z.object({}),
			result: z.object({ deleted: z.int(), failed: z.int() }),
		},
		reconcile: {
			description:
				"Compares the storage with the database. Ignores what is younger than `minAgeMinutes`, since it may still be in progress.",
			access: "internal",
			params: z.object({ minAgeMinutes: z.int().min(0).default(60) }),
			result: z.object({
				objectsWithoutRow: z.array(z.string()).meta({ description: "Keys of objects without an image; at most 1,000." }),
				rowsWithoutObject: z.array(z.guid()).meta({ description: "Images that lack an object; at most 1,000." }),
			}),
		},
		health: {
			description: "Answers when the database and the storage do.",
			access: "internal",
			params: z.object({}),
			result: z.null(),
		},
	},
	events: {},
} satisfies ServiceContract;
