import type { Service } from "moleculer";
import { z } from "zod";
import type { ActionContract } from "../../lib/service-contract.ts";
import type { ActionsOf, Calls, EventsOf, Result } from "../../services/contracts.ts";

/**
 * What must not compile: each `@ts-expect-error` is itself an error for `tsc` as soon as the line after it compiles. Nothing here
 * is run.
 */
export async function calls({ call, emit, broadcast }: Calls): Promise<void> {
	const { userIds } = await call("conversations.participants", { conversationId: "" });
	userIds satisfies string[];
	await call("messages.send", { conversationId: "", clientId: "", content: "" });
	await call("messages.list", { conversationId: "", limit: "20" });
	await emit("user.erased", { userId: "" });

	// @ts-expect-error there is no such service
	await call("mesages.locate", { messageId: "" });
	// @ts-expect-error there is no such action
	await call("messages.remove", { messageId: "" });
	// @ts-expect-error a parameter is missing
	await call("messages.locate", {});
	// @ts-expect-error a parameter is of the wrong type
	await call("messages.locate", { messageId: 1 });
	// @ts-expect-error a parameter is not of the contract
	await call("messages.locate", { messageId: "", deep: true });
	// @ts-expect-error a literal is not one of those allowed
	await call("conversations.list", { status: "OPEN" });
	// @ts-expect-error a result has no such field
	(await call("conversations.participants", { conversationId: "" })).ids;
	// @ts-expect-error a result is of another type
	(await call("conversations.unreadCount", {})).count satisfies string;

	// @ts-expect-error there is no such event
	await emit("user.deleted", { userId: "" });
	// @ts-expect-error a payload lacks a field
	await emit("user.erased", {});
	// @ts-expect-error a payload's field is of the wrong type
	await broadcast("conversation.read", { conversationId: "", userId: "", seq: "1" });
	// @ts-expect-error a payload has a field too many
	await broadcast("user.erased", { userId: "", name: "" });
}

type Applications = ActionsOf<"applications", Service>;
declare const application: Result<"applications.get">;

const withDate = { ...application, createdAt: new Date() };

const put: Applications["put"] = { handler: async () => application };
const get: Applications["get"] = { handler: async () => application };
const titles: Applications["titles"] = { handler: async (ctx) => ({ [ctx.params.ids.join()]: "" }) };
const renamed: Applications["renamed"] = { handler: async () => ({ renamed: [] }) };
const forgetRenamed: Applications["forgetRenamed"] = { handler: async () => null };
export const whole = { put, get, open: get, titles, renamed, forgetRenamed } satisfies Applications;

// @ts-expect-error a handler is missing
export const incomplete = { put, get, renamed, forgetRenamed } satisfies Applications;
// @ts-expect-error a handler is not of the contract
export const excessive = { ...whole, remove: get } satisfies Applications;
// @ts-expect-error a result lacks fields
export const poor: Applications["get"] = { handler: async ({ params }) => ({ id: params.id }) };
// @ts-expect-error a Date does not cross the wire as a Date
export const dated: Applications["get"] = { handler: async () => withDate };
// @ts-expect-error handlers are asynchronous
export const hasty: Applications["get"] = { handler: () => application };
const documented: ActionContract = { description: "", access: "internal", params: z.object({}), result: z.null() };
// @ts-expect-error nobody is said to be allowed
export const open: ActionContract = { description: "", params: z.object({}), result: z.null() };
// @ts-expect-error there is no such role
export const unknownRole: ActionContract = { ...documented, access: { role: "root" } };
// @ts-expect-error there is no such code
export const unknownError: ActionContract = { ...documented, errors: ["OOPS"] };
// @ts-expect-error nothing says what it does
export const undescribed: ActionContract = { access: "internal", params: z.object({}), result: z.null() };
// @ts-expect-error a handler reads a parameter that the contract has not
export const curious: Applications["get"] = { handler: async ({ params }) => params.name };

export const careless = {
	"user.erased": {
		async handler(ctx) {
			// @ts-expect-error an event's payload has no such field
			ctx.params.email;
		},
	},
} satisfies EventsOf<Service>;
