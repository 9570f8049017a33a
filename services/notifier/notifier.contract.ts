import { z } from "zod";
import { exampleIds } from "../../lib/example-ids.ts";
import { Id, Page, Text } from "../../lib/schemas.ts";
import type { ServiceContract } from "../../lib/service-contract.ts";
import { NewDevice, RegisteredDevice } from "./device.contract.ts";
import { Settings, SettingsInput } from "./settings.contract.ts";

const UnsubscribeToken = z
	.object({ token: Text.max(1_024).meta({ description: "From the link in a mail." }) })
	.meta({ examples: [{ token: "v1.dXNlci1ib2I.c2lnbmF0dXJl" }] });

const Html = z.string().meta({ description: "A page in HTML. Its status is 404 when the token is not one that Parley made." });

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
		health: { description: "Answers when the database does.", access: "internal", params: z.object({}), result: z.null() },
	},
	events: {},
} satisfies ServiceContract;
