import type { Context } from "moleculer";
import type { Caller, Meta, RoleAccess, UserAccess } from "../../lib/access.ts";
import { ParleyError } from "../../lib/errors.ts";
import type { Facts } from "./facts.ts";

export type Call = Context<Record<string, unknown>, Meta>;

/** Rejects with what the caller is answered if the caller may not make this call. */
type Check = (ctx: Call, caller: Caller) => Promise<void>;

/** One rule: makes the check for an action with this access, or gives undefined if the rule does not concern the action. */
type Guard = (access: RoleAccess, facts: Facts) => Check | undefined;

const role: Guard = (access) => async (_ctx, caller) => {
	if (caller.role !== access.role) throw new ParleyError("FORBIDDEN");
};

const conversation = userGuard((access, facts) =>
	guardParameter(access.conversation, (ctx, caller, conversationId) => facts.isParticipant(ctx, conversationId, caller.id)),
);

const message = userGuard((access, facts) =>
	guardParameter(access.message, async (ctx, caller, messageId) =>
		facts.isParticipant(ctx, await facts.conversationOfMessage(ctx, messageId), caller.id),
	),
);

const image = userGuard((access, facts) =>
	guardParameter(access.image, async (ctx, caller, imageId) => {
		const { conversationId, uploaderId } = await facts.originOfImage(ctx, imageId);
		return access.uploader ? uploaderId === caller.id : facts.isParticipant(ctx, conversationId, caller.id);
	}),
);

const partner = userGuard((access, facts) =>
	guardParameter(access.partner, (ctx, caller, partnerId) => facts.isPartner(ctx, caller.id, partnerId)),
);

/** The rules, in the order in which they are checked. A new rule is one entry here. */
export const guards: readonly Guard[] = [role, conversation, message, image, partner];

/** A rule that only actions for users can have. */
function userGuard(guard: (access: UserAccess, facts: Facts) => Check | undefined): Guard {
	return (access, facts) => (access.role === "user" ? guard(access, facts) : undefined);
}

/**
 * Checks the id in the named parameter: NOT_FOUND unless `isAllowed`, so that a stranger cannot tell what exists. A parameter
 * that is missing or not a string is left to validation.
 */
function guardParameter(
	name: string | undefined,
	isAllowed: (ctx: Call, caller: Caller, id: string) => Promise<boolean>,
): Check | undefined {
	if (name === undefined) return undefined;
	return async (ctx, caller) => {
		const id = ctx.params?.[name];
		if (typeof id === "string" && !(await isAllowed(ctx, caller, id))) throw new ParleyError("NOT_FOUND");
	};
}
