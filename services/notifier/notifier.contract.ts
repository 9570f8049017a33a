import { z } from "zod";
import { exampleIds } from "../../lib/example-ids.ts";
import { Id, Limit, Page, PlatformId, Text, Time } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";
import { NewDevice, RegisteredDevice } from "./devices/device.contract.ts";
import { Settings, SettingsInput } from "./settings/settings.contract.ts";

const UnsubscribeToken = z
	.object({ token: Text.max(1_024).meta({ description: "From the link in a mail." }) })
	.meta({ examples: [{ token: "v1.dXNlci1ib2I.c2lnbmF0dXJl" }] });

const Html = z.string().meta({ description: "A page in HTML. Its status is 404 when the token is not one that Parley made." });

const DeadNotification = z
	.object({
		id: z.guid(),
		userId: PlatformId,
		channel: z.enum(["webpush", "fcm", "apns", "email"]),
		conversationIds: z.array(z.guid()).meta({ description: "Several only in a digest." }),
		attempts: z.int(),
		lastError: z.string().nullable().meta({ description: "What the provider said, without any address or content." }),
		createdAt: Time,
		deadSince: Time,
	})
	.meta({ description: "A notification that was given up: refused for good, or not accepted for a day." });

export const notifier = {
	actions: {
		settings: {
			description: "The caller's notification settings. Who has not chosen any has the defaults.",
			access: { role: "user" },
			rateLimit: "queries",
			routes: ["GET /notifications/settings"],
			errors: [],
			params: z.object({}).meta({ examples: [{}] }),
			result: Settings,
		},
		putSettings: {
			description: "Replaces all of the caller's notification settings.",
			access: { role: "user" },
			routes: ["PUT /notifications/settings"],
			errors: [],
			params: SettingsInput,
			result: Settings,
		},
		addDevice: {
			description:
				"Registers a device of the caller for pushes. It takes the device from whoever registered it before, and beyond 20 devices it " +
				"takes the place of the caller's oldest one. The same device again is only noted as used.",
			access: { role: "user" },
			routes: ["POST /notifications/devices"],
			statuses: [201, 200],
			errors: [],
			params: NewDevice,
			result: RegisteredDevice,
		},
		devices: {
			description: "The caller's devices, the one that was registered last first. They fit into one page.",
			access: { role: "user" },
			rateLimit: "queries",
			routes: ["GET /notifications/devices"],
			errors: [],
			params: z.object({}).meta({ examples: [{}] }),
			result: Page(RegisteredDevice),
		},
		deleteDevice: {
			description: "Ends pushes to a device of the caller.",
			access: { role: "user" },
			routes: ["DELETE /notifications/devices/:id"],
			statuses: [204],
			errors: ["NOT_FOUND"],
			params: z.object({ id: Id }).meta({ examples: [{ id: exampleIds.device }] }),
			result: z.null(),
		},
		vapidKey: {
			description: "The key with which a browser subscribes to web push. NOT_FOUND while web push is off.",
			access: "anyone",
			routes: ["GET /notifications/vapid-key"],
			errors: ["NOT_FOUND"],
			params: z.object({}).meta({ examples: [{}] }),
			result: z.object({ publicKey: z.string().meta({ description: "65 bytes in base64url." }) }),
		},
		askToUnsubscribe: {
			description: "A page that asks whether the mails shall be off. It changes nothing.",
			access: "anyone",
			routes: ["GET /notifications/unsubscribe"],
			errors: [],
			params: UnsubscribeToken,
			result: Html,
		},
		unsubscribe: {
			description: "Turns the mails of one person off: the button of that page, or the one-click of a mail program (RFC 8058).",
			access: "anyone",
			routes: ["POST /notifications/unsubscribe"],
			errors: [],
			params: UnsubscribeToken,
			result: Html,
		},
		dead: {
			description: "Notifications that were given up, the last one first.",
			access: { role: "admin" },
			routes: ["GET /admin/notifications/dead"],
			errors: [],
			params: z
				.object({
					limit: Limit(50, 100),
					cursor: Text.max(200).optional().meta({ description: "`nextCursor` of the page before." }),
				})
				.meta({ examples: [{ limit: 50 }] }),
			result: Page(DeadNotification),
		},
		retry: {
			description: "Has a notification that was given up sent again, with all its attempts.",
			access: { role: "admin" },
			routes: ["POST /admin/notifications/:id/retry"],
			statuses: [202],
			errors: ["NOT_FOUND"],
			params: z.object({ id: Id }).meta({ examples: [{ id: exampleIds.notification }] }),
			result: z.object({ id: z.guid() }),
		},
		health: { description: "Answers when the database does.", access: "internal", params: z.object({}), result: z.null() },
	},
	events: {},
} satisfies ServiceContract;
