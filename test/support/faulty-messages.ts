import type { Context, ServiceSchema } from "moleculer";
import messages from "../../services/messages/messages.service.ts";

/** The service `messages` with something that goes wrong around each send. Each hook may throw what the sender is answered. */
export interface FaultySends {
	before?: (() => Promise<void> | void) | undefined;
	/** The message is stored. */
	afterCommit?: (() => Promise<void> | void) | undefined;
}

export function faultyMessages(faults: FaultySends): ServiceSchema {
	const actions = messages.actions as { send: { handler(ctx: Context): Promise<unknown> } };
	const { send } = actions;
	return {
		...messages,
		actions: {
			...actions,
			send: {
				...send,
				async handler(ctx: Context) {
					await faults.before?.();
					const message = await send.handler.call(this, ctx);
					await faults.afterCommit?.();
					return message;
				},
			},
		},
	} as ServiceSchema;
}
