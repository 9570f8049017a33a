import { z } from "zod";
import { Timezone } from "../../../lib/schemas.ts";

const ClockTime = z
	.string()
	.regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, "must be a time from 00:00 to 23:59")
	.meta({ description: "Hours and minutes, from 00:00 to 23:59." });

const QuietHours = z
	.object({ enabled: z.boolean(), start: ClockTime, end: ClockTime, timezone: Timezone })
	.meta({ description: "Every day from `start` to the next `end`, notifications wait." });

/** Which notifications a person wants, and when. */
export const Settings = z.object({
	newMessage: z
		.object({ inApp: z.boolean(), email: z.boolean(), push: z.boolean() })
		.meta({ description: "The ways in which the person is told of new messages." }),
	quietHours: QuietHours,
	digest: z
		.object({ enabled: z.boolean(), windowMinutes: z.int().min(1).max(1440) })
		.meta({ description: "Instead of one notification for each conversation, one for all that comes within the window." }),
});
export type Settings = z.infer<typeof Settings>;

export const SettingsInput = Settings.extend({
	quietHours: QuietHours.extend({
		timezone: Timezone.nullish().meta({
			description: "An IANA name. Null or left out: the one that the platform knows, else UTC.",
		}),
	}).refine(({ start, end }) => start !== end, { path: ["end"], message: "must be another time than the start" }),
}).meta({
	examples: [
		{
			newMessage: { inApp: true, email: true, push: false },
			quietHours: { enabled: true, start: "22:00", end: "07:00", timezone: "Europe/Vienna" },
			digest: { enabled: false, windowMinutes: 15 },
		},
	],
});
