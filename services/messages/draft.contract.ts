import { z } from "zod";
import { exampleIds } from "../../lib/example-ids.ts";
import { ClientId, Id, Seq, Text } from "../../lib/schemas.ts";
import { codePoints, fitsUtf8 } from "../../lib/text-length.ts";

/** Longest message, in Unicode code points after trimming. */
export const maxContentLength = 5000;

const maxMetadataBytes = 2048;

/** A JSON value that PostgreSQL returns unchanged. It stores -0 as 0, so this makes 0 of -0. */
const MetadataValue = z.union([Text, z.number().transform((value) => value + 0), z.boolean(), z.null()]);

type MetadataInput = Record<string, z.input<typeof MetadataValue>>;

/** zod copies the object, and a property `__proto__` would become the prototype of the copy. So it is refused before that. */
const AnyMetadata = z
	.unknown()
	.refine((metadata) => !Object.hasOwn(Object(metadata), "__proto__"), "must not have the name __proto__")
	.meta({ type: "object" }) as z.ZodType<unknown, MetadataInput>; // The next schema of the pipe checks the shape.

/** A flat object of the client's own. */
const Metadata = AnyMetadata.pipe(z.record(Text.max(128), MetadataValue))
	.refine((metadata) => fitsUtf8(JSON.stringify(metadata), maxMetadataBytes), `must be at most ${maxMetadataBytes} bytes of JSON`)
	.meta({
		description:
			"A flat object of the app's own: strings, numbers, booleans and null. Names have at most 128 characters, and none is " +
			`\`__proto__\`. At most ${maxMetadataBytes} bytes of JSON.`,
		additionalProperties: { type: ["string", "number", "boolean", "null"] },
		examples: [{ source: "mobile" }],
	});

/** What a person typed, trimmed. The send operation makes plain text of it. */
const Content = Text.transform((typed) => typed.trim()).refine(
	(typed) => codePoints(typed) <= maxContentLength,
	`must be at most ${maxContentLength} characters`,
);

/** Makes zod run a refinement although a field is wrong, so that all validation errors are reported together. */
const besideOthers = { when: ({ value }: { value: unknown }) => typeof value === "object" && value !== null };

/** A text, or an image with a caption or without. */
export const Draft = z
	.object({
		conversationId: Id,
		clientId: ClientId.meta({
			description: "A UUID that the client makes for the message. The same one sent again is the same message.",
		}),
		type: z.enum(["TEXT", "IMAGE"]).default("TEXT"),
		content: Content.nullish()
			.transform((content) => content || null)
			.meta({
				description:
					`At most ${maxContentLength} Unicode code points after trimming. HTML tags are removed. A message of type TEXT needs a ` +
					"text that is not empty after that; for an image it is the caption, which may be left out.",
			}),
		imageId: Id.nullish()
			.transform((imageId) => imageId ?? null)
			.meta({
				description:
					"For type IMAGE, which needs it, and for no other type: a confirmed image that the sender uploaded for this conversation " +
					"and that is in no other message.",
			}),
		replyToSeq: Seq.nullable().default(null).meta({ description: "The position of the message that this one answers." }),
		metadata: Metadata.default({}),
	})
	.refine(({ type, content }) => type !== "TEXT" || content !== null, {
		...besideOthers,
		path: ["content"],
		message: "must not be empty",
	})
	.refine(({ type, imageId }) => (type === "IMAGE") === (imageId !== null), {
		...besideOthers,
		path: ["imageId"],
		message: "is for messages of type IMAGE, which need it",
	})
	.meta({
		description: "A text, or an image with a caption or without one.",
		examples: [
			{ conversationId: exampleIds.conversation, clientId: exampleIds.client, content: "Good morning, Bob!" },
			{ conversationId: exampleIds.conversation, clientId: exampleIds.client, type: "IMAGE", imageId: exampleIds.image },
		],
	});
