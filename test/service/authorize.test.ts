import { randomUUID } from "node:crypto";
import type { Access, UserAccess } from "../../lib/access.ts";
import { serviceNames } from "../../lib/config/service-names.ts";
import { type Role, roles } from "../../lib/token.ts";
import { type ActionInput, type ActionName, type Calls, contractOf, contracts } from "../../services/contracts.ts";
import { queries, routes } from "../../services/gateway/routes.ts";
import { silentStorage } from "../../testing/storage-env.ts";
import { as } from "../support/broker.ts";
import { type Conversing, openConversation, send } from "../support/platform.ts";
import { useNodes } from "../support/use-node.ts";

jest.setTimeout(20_000);

const names = Object.entries(contracts).flatMap(([service, { actions }]) =>
	Object.keys(actions).map((action) => `${service}.${action}` as ActionName),
);

let conversing: Conversing;
let messageId: string;
/** By the employer. */
let imageId: string;
/** Somebody with a conversation, and a name, of their own. */
let strangerId: string;

const [caller, server] = useNodes({ services: [] }, { services: serviceNames, env: silentStorage });

beforeAll(async () => {
	conversing = await openConversation(caller.calls);
	messageId = (await send(caller.calls, conversing.conversationId, conversing.applicantId)).id;
	const { conversationId, employerId } = conversing;
	const wanted = { conversationId, filename: "a.png", mimeType: "image/png", sizeBytes: 1 } as const;
	imageId = (await caller.calls.call("media.requestUpload", wanted, as(employerId))).imageId;
	strangerId = (await openConversation(caller.calls)).applicantId;
});

test.each(names)("%s lets in whom it names, and answers others as the protocol says", async (name) => {
	const access = accessOf(name);
	if (access === "internal") {
		expect(visibilityOf(name)).toBe("public");
		expect(Object.values(routes)).not.toContain(name);
		expect(queries).not.toContain(name);
		return;
	}
	expect(visibilityOf(name)).not.toBe("public");
	if (access === "anyone") {
		expect(queries).not.toContain(name);
		expect(["UNAUTHENTICATED", "FORBIDDEN"]).not.toContain(await outcome(name, params()));
		return;
	}
	expect(await outcome(name, params())).toBe("UNAUTHENTICATED");
	const others = roles.filter((role) => role !== access.role);
	for (const role of others) expect(await outcome(name, params(), conversing.applicantId, role)).toBe("FORBIDDEN");
	expect(["UNAUTHENTICATED", "FORBIDDEN"]).not.toContain(await outcome(name, {}, conversing.applicantId, access.role));
});

test.each(names)(
	"%s tells a stranger that there is no such thing, whether there is or not, and whatever else is wrong",
	async (name) => {
		const access = accessOf(name);
		if (access === "internal" || access === "anyone" || access.role !== "user") return;
		const { conversation, message, image, partner }: UserAccess = access;
		for (const [parameter, id] of [
			[conversation, conversing.conversationId],
			[message, messageId],
			[image, imageId],
			[partner, conversing.employerId],
		]) {
			if (parameter === undefined) continue;
			const wrong = { limit: "wrong", seq: "wrong", until: 1, content: 1, typing: 1 };
			for (const unknown of [id, id?.toUpperCase(), randomUUID(), "not an id", "' or true --"]) {
				expect(await outcome(name, { [parameter]: unknown, ...wrong }, strangerId)).toBe("NOT_FOUND");
			}
		}
	},
);

test.each<[string, unknown]>([
	["a number", 1],
	["a list with it in it", "list"],
	["an object", {}],
	["null", null],
])("an id that is %s opens nothing", async (_what, id) => {
	const conversationId = id === "list" ? [conversing.conversationId] : id;
	for (const name of ["conversations.get", "messages.list", "messages.markRead"] as const) {
		expect(await outcome(name, { conversationId }, strangerId)).toBe("NOT_FOUND");
	}
});

test("an own conversation beside another's message does not open the other's", async () => {
	const own = await openConversation(caller.calls, { applicantId: strangerId });
	expect(await outcome("messages.markRead", { conversationId: own.conversationId, messageId }, strangerId)).toBe("NOT_FOUND");
});

test("an image is its uploader's alone to confirm or delete, and the other participant's to see", async () => {
	const { conversationId, applicantId } = conversing;
	expect(await outcome("media.confirm", { conversationId, imageId }, applicantId)).toBe("NOT_FOUND");
	expect(await outcome("media.delete", { imageId }, applicantId)).toBe("NOT_FOUND");
	expect(await outcome("media.get", { imageId }, applicantId)).toBe("IMAGE_NOT_READY");
});

test("everything that REST and sockets offer is an action for somebody", () => {
	for (const name of [...Object.values(routes), ...queries]) expect(accessOf(name as ActionName)).not.toBe("internal");
});

function params(): object {
	const { conversationId, employerId } = conversing;
	return { conversationId, userId: employerId };
}

/** What a call ends with: its error's type. */
async function outcome(name: ActionName, params: object, id?: string, role?: Role): Promise<string> {
	try {
		await (caller.calls as Calls).call(name, params as ActionInput<ActionName>, id === undefined ? {} : as(id, role));
		return "done";
	} catch (error) {
		return String((error as { type?: unknown }).type);
	}
}

const accessOf = (name: ActionName): Access => contractOf(name)?.access ?? "internal";

/** Moleculer's registry is not in its types. */
interface Registry {
	actions: { get(name: string): { endpoints: { action: { visibility?: string } }[] } | undefined };
}

function visibilityOf(name: ActionName): string | undefined {
	const { actions } = server.broker.registry as unknown as Registry;
	const endpoint = actions.get(name)?.endpoints[0];
	if (!endpoint) throw new Error(`${name} is not there.`);
	return endpoint.action.visibility;
}
