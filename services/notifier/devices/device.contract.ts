import { z } from "zod";
import { isBase64url } from "../../../lib/base64url.ts";
import { Text, Time } from "../../../lib/schemas.ts";

const DeviceKind = z.enum(["webpush", "fcm", "apns"]);

export const RegisteredDevice = z.object({
	id: z.guid(),
	kind: DeviceKind,
	createdAt: Time,
	lastUsedAt: Time.meta({ description: "When the device was registered last." }),
});
export type RegisteredDevice = z.infer<typeof RegisteredDevice>;

/** As long as an address may be in the database. */
const maxAddressBytes = 2_048;

const Endpoint = Text.refine((url) => URL.canParse(url), "must be a URL")
	.transform(withoutFragment)
	.refine((url) => url.length <= maxAddressBytes, `must be at most ${maxAddressBytes} characters`)
	.meta({ description: `The URL of the push service: https, at a public address, of at most ${maxAddressBytes} characters.` });

const base64urlOf = (bytes: number) =>
	z.string().refine((text) => isBase64url(text, bytes), `must be ${bytes} bytes in base64url`);

/** What `PushSubscription.toJSON()` gives in a browser. */
const Subscription = z.object({
	endpoint: Endpoint,
	expirationTime: z.number().nullish(),
	keys: z.object({
		p256dh: base64urlOf(65),
		auth: base64urlOf(16),
	}),
});

/** What the tokens of the providers consist of. */
const tokenForm = { fcm: /^[\w:-]{1,2048}$/, apns: /^(?:[\da-f]{2}){32,100}$/i };

/** Makes zod run a refinement although a field is wrong, so that all validation errors are reported together. */
const besideOthers = { when: ({ value }: { value: unknown }) => typeof value === "object" && value !== null };

export const NewDevice = z
	.object({
		kind: DeviceKind,
		token: z
			.string()
			.nullish()
			.meta({ description: "For `fcm` and `apns`, which need it: the token that the provider gave to the app." }),
		subscription: Subscription.nullish().meta({
			description: "For `webpush`, which needs it: the browser's PushSubscription as JSON.",
		}),
	})
	.refine(({ kind, token }) => !(kind in tokenForm) || tokenForm[kind as keyof typeof tokenForm].test(token ?? ""), {
		...besideOthers,
		path: ["token"],
		message: "must be the token that the provider gave to the app",
	})
	.refine(({ kind, subscription }) => kind !== "webpush" || (subscription ?? null) !== null, {
		...besideOthers,
		path: ["subscription"],
		message: "is needed for webpush",
	})
	.meta({
		examples: [
			{ kind: "fcm", token: "dGhpcyBpcyBub3QgYSB0b2tlbg:APA91bExample" },
			{
				kind: "webpush",
				subscription: {
					endpoint: "https://push.example.org/send/1",
					expirationTime: null,
					keys: {
						p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
						auth: "BTBZMqHH6r4Tts7J_aSIgg",
					},
				},
			},
		],
	});

function withoutFragment(text: string): string {
	const url = new URL(text);
	url.hash = "";
	return url.href;
}
