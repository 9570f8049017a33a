import { z } from "zod";
import { Line, PlatformId, Time, Xid } from "../../lib/schemas.ts";
import type { ActionContract, ServiceContract } from "../../lib/service-contract.ts";

/** A person of the hiring platform. An erased one keeps the id and loses everything else. */
export const User = z.object({
	id: PlatformId,
	name: z.string(),
	email: z.string().nullable(),
	/** BCP 47, for example `de-AT`. */
	locale: z.string().nullable(),
	/** IANA name, for example `Europe/Vienna`. */
	timezone: z.string().nullable(),
	createdAt: Time,
	updatedAt: Time,
});
export type User = z.infer<typeof User>;

/** Somebody applied for a job; only then may the two people write to each other. */
export const JobApplication = z.object({
	id: PlatformId,
	applicantId: PlatformId,
	employerId: PlatformId,
	jobTitle: z.string(),
	/** The platform's own word; Parley only stores it. */
	status: z.string(),
	createdAt: Time,
	updatedAt: Time,
});
export type JobApplication = z.infer<typeof JobApplication>;

const isLocale = (tag: string) => canonical(() => Intl.getCanonicalLocales(tag));
const isTimezone = (name: string) => canonical(() => new Intl.DateTimeFormat("en", { timeZone: name }));

/** Whose name or title changed, and the transaction that changed it. */
const Renamed = z.array(z.object({ id: PlatformId, xid: Xid }));

/** Those whose new name or title is not known yet wherever it is shown. */
const renamed = {
	access: "internal",
	params: z.object({ limit: z.int().positive().max(1_000) }),
	result: z.object({ renamed: Renamed }),
} satisfies ActionContract;

/** It is known now, except of those that changed once more since they were listed. */
const forgetRenamed = { access: "internal", params: z.object({ renamed: Renamed }), result: z.null() } satisfies ActionContract;

export const users = {
	actions: {
		/** Creates or replaces. ERASED for an erased person: erasure is for good. */
		put: {
			access: { role: "platform" },
			routes: ["PUT /platform/users/:id"],
			params: z.object({
				id: PlatformId,
				name: Line(200),
				email: z.email().max(320).nullish(),
				locale: z.string().max(35).refine(isLocale, "must be a BCP 47 language tag").nullish(),
				timezone: z.string().max(64).refine(isTimezone, "must be an IANA time zone").nullish(),
			}),
			result: User,
		},
		/** Makes the person anonymous and refuses their tokens from now on. Twice is harmless. */
		erase: {
			access: { role: "platform" },
			routes: ["DELETE /platform/users/:id"],
			statuses: [204],
			params: z.object({ id: PlatformId }),
			result: z.null(),
		},
		/** Whether this id may sign in: registered and not erased. */
		active: {
			access: "internal",
			params: z.object({ ids: z.array(PlatformId) }),
			result: z.object({ ids: z.array(PlatformId) }),
		},
		/** Names by id, `Deleted user` for who was erased. Unknown ids are left out. */
		names: { access: "internal", params: z.object({ ids: z.array(PlatformId) }), result: z.record(z.string(), z.string()) },
		renamed,
		forgetRenamed,
	},
	events: {
		/** Look at `users.renamed`. */
		"user.renamed": z.object({ userId: PlatformId }),
		"user.erased": z.object({ userId: PlatformId }),
	},
} satisfies ServiceContract;

export const applications = {
	actions: {
		/** Creates or replaces. VALIDATION_FAILED unless both people exist, and for other people once these have a conversation. */
		put: {
			access: { role: "platform" },
			routes: ["PUT /platform/applications/:id"],
			params: z
				.object({ id: PlatformId, applicantId: PlatformId, employerId: PlatformId, jobTitle: Line(300), status: Line(64) })
				.refine(({ applicantId, employerId }) => applicantId !== employerId, {
					path: ["employerId"],
					message: "must be another person than the applicant",
				}),
			result: JobApplication,
		},
		get: { access: "internal", params: z.object({ id: PlatformId }), result: JobApplication },
		/** The same, for somebody who opens its conversation: from now on its people cannot change, if they are one of them. */
		open: { access: "internal", params: z.object({ id: PlatformId, userId: PlatformId }), result: JobApplication },
		/** Job titles by application id. Unknown ids are left out. */
		titles: { access: "internal", params: z.object({ ids: z.array(PlatformId) }), result: z.record(z.string(), z.string()) },
		renamed,
		forgetRenamed,
	},
	events: {
		/** The job's title changed: look at `applications.renamed`. */
		"application.renamed": z.object({ applicationId: PlatformId }),
	},
} satisfies ServiceContract;

function canonical(parse: () => unknown): boolean {
	try {
		parse();
		return true;
	} catch {
		return false;
	}
}
