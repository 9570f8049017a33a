import { z } from "zod";
import { exampleIds } from "../../lib/example-ids.ts";
import { Line, PlatformId, Time, Timezone, Xid } from "../../lib/schemas.ts";
import type { ActionContract, ServiceContract } from "../../lib/service-contract.ts";

const localeMeta = { description: "A BCP 47 language tag.", examples: ["de-AT"] };
const timezoneMeta = { description: "The IANA name of a time zone.", examples: ["Europe/Vienna"] };
const statusMeta = { description: "A status of the hiring platform. Parley only stores it." };

export const User = z
	.object({
		id: PlatformId,
		name: z.string(),
		email: z.string().nullable(),
		locale: z.string().nullable().meta(localeMeta),
		timezone: z.string().nullable().meta(timezoneMeta),
		createdAt: Time,
		updatedAt: Time,
	})
	.meta({ description: "A person of the hiring platform. Only the id of an erased person is kept." });
export type User = z.infer<typeof User>;

const Contact = User.pick({ name: true, email: true, locale: true, timezone: true, updatedAt: true });
export type Contact = z.infer<typeof Contact>;

export const JobApplication = z
	.object({
		id: PlatformId,
		applicantId: PlatformId,
		employerId: PlatformId,
		jobTitle: z.string(),
		status: z.string().meta(statusMeta),
		createdAt: Time,
		updatedAt: Time,
	})
	.meta({ description: "An applicant applied for a job. Only then may the applicant and the employer write to each other." });
export type JobApplication = z.infer<typeof JobApplication>;

const Renamed = z.array(
	z.object({ id: PlatformId, xid: Xid.meta({ description: "The transaction that changed the name or the title." }) }),
);

const renamed = {
	description: "The people or applications whose new name or title was not announced yet in the conversations that show it.",
	access: "internal",
	params: z.object({ limit: z.int().positive().max(1_000) }),
	result: z.object({ renamed: Renamed }),
} satisfies ActionContract;

const forgetRenamed = {
	description: "These new names or titles are announced. One that changed again after it was listed stays listed.",
	access: "internal",
	params: z.object({ renamed: Renamed }),
	result: z.null(),
} satisfies ActionContract;

export const users = {
	actions: {
		put: {
			description:
				"Registers a person, or replaces the data of a registered one. An erased person cannot come back under the same id.",
			access: { role: "platform" },
			routes: ["PUT /platform/users/:id"],
			errors: ["ERASED"],
			params: z
				.object({
					id: PlatformId,
					name: Line(200),
					email: z.email().max(320).nullish(),
					locale: z.string().max(35).refine(isLocale, "must be a BCP 47 language tag").nullish().meta(localeMeta),
					timezone: Timezone.nullish(),
				})
				.meta({
					examples: [
						{
							id: exampleIds.alice,
							name: "Alice Adams",
							email: "alice@example.org",
							locale: "de-AT",
							timezone: "Europe/Vienna",
						},
					],
				}),
			result: User,
		},
		erase: {
			description: "Makes a person anonymous permanently and refuses their tokens from now on. A repeated call changes nothing.",
			access: { role: "platform" },
			routes: ["DELETE /platform/users/:id"],
			statuses: [204],
			errors: ["NOT_FOUND"],
			params: z.object({ id: PlatformId }).meta({ examples: [{ id: exampleIds.alice }] }),
			result: z.null(),
		},
		active: {
			description: "Those of the ids that may sign in: registered and not erased.",
			access: "internal",
			params: z.object({ ids: z.array(PlatformId) }),
			result: z.object({ ids: z.array(PlatformId) }),
		},
		names: {
			description: "Names by id; `Deleted user` for an erased person. Unknown ids are left out.",
			access: "internal",
			params: z.object({ ids: z.array(PlatformId) }),
			result: z.record(z.string(), z.string()),
		},
		locales: {
			description: "Locales (BCP 47) by id, null for people without one. Unknown and erased people are left out.",
			access: "internal",
			params: z.object({ ids: z.array(PlatformId) }),
			result: z.record(z.string(), z.string().nullable()),
		},
		contacts: {
			description: "How to reach people, by id. Unknown and erased people are left out.",
			access: "internal",
			params: z.object({ ids: z.array(PlatformId) }),
			result: z.record(z.string(), Contact),
		},
		renamed,
		forgetRenamed,
	},
	events: {
		"user.renamed": z.object({ userId: PlatformId }).meta({ description: "A name changed. `users.renamed` lists it." }),
		"user.erased": z.object({ userId: PlatformId }).meta({ description: "A person was erased." }),
	},
} satisfies ServiceContract;

export const applications = {
	actions: {
		put: {
			description:
				"Registers a job application, or replaces it. Both people must exist, and they stay the same once they have a conversation " +
				"(VALIDATION_FAILED).",
			access: { role: "platform" },
			routes: ["PUT /platform/applications/:id"],
			errors: [],
			params: z
				.object({
					id: PlatformId,
					applicantId: PlatformId,
					employerId: PlatformId.meta({ description: "Another person than the applicant." }),
					jobTitle: Line(300),
					status: Line(64).meta({ description: `${statusMeta.description} Trimmed; 1 to 64 characters.` }),
				})
				.refine(({ applicantId, employerId }) => applicantId !== employerId, {
					path: ["employerId"],
					message: "must be another person than the applicant",
				})
				.meta({
					examples: [
						{
							id: exampleIds.jobApplication,
							applicantId: exampleIds.alice,
							employerId: exampleIds.bob,
							jobTitle: "Cook",
							status: "OPEN",
						},
					],
				}),
			result: JobApplication,
		},
		get: {
			description: "One job application.",
			access: "internal",
			errors: ["NOT_FOUND"],
			params: z.object({ id: PlatformId }),
			result: JobApplication,
		},
		open: {
			description:
				"The application, for a user who opens its conversation. If the user is its applicant or employer, these two cannot change from " +
				"now on.",
			access: "internal",
			errors: ["NOT_FOUND"],
			params: z.object({ id: PlatformId, userId: PlatformId }),
			result: JobApplication,
		},
		titles: {
			description: "Job titles by application id. Unknown ids are left out.",
			access: "internal",
			params: z.object({ ids: z.array(PlatformId) }),
			result: z.record(z.string(), z.string()),
		},
		renamed,
		forgetRenamed,
	},
	events: {
		"application.renamed": z
			.object({ applicationId: PlatformId })
			.meta({ description: "A job's title changed. `applications.renamed` lists it." }),
	},
} satisfies ServiceContract;

function isLocale(tag: string): boolean {
	try {
		Intl.getCanonicalLocales(tag);
		return true;
	} catch {
		return false;
	}
}
