import type { Context, Service, ServiceSchema } from "moleculer";
import type { Push } from "../../services/gateway/gateway.contract.ts";
import { defineService } from "../../services/service.ts";

export interface HeardEvent {
	name: string;
	payload: unknown;
}

/** A service that hears every event, also those that no contract knows. Two of different names both hear each. */
export function eventWatcher(heard: HeardEvent[], name = "watcher"): ServiceSchema {
	return {
		name,
		events: {
			"**"(ctx: Context) {
				if (ctx.eventName && !ctx.eventName.startsWith("$")) heard.push({ name: ctx.eventName, payload: ctx.params });
			},
		},
	};
}

/** One payload as one person's sockets would get it. */
export interface HeardPush {
	userId: string;
	event: string;
	payload: unknown;
}

/**
 * A gateway without sockets: keeps what it is given for them, whoever it is for, and what came with one call. `activeAtMs` says when
 * a person last did something.
 */
export function recordingGateway(
	heard: HeardPush[],
	calls: Push[][] = [],
	activeAtMs: (userId: string) => number | undefined = () => undefined,
): ServiceSchema {
	return defineService<"gateway", Service>("gateway", {
		actions: {
			deliver: {
				async handler(ctx) {
					calls.push(ctx.params.pushes);
					for (const { payload, to } of ctx.params.pushes) heard.push(...to.map((target) => ({ ...target, payload })));
					return null;
				},
			},
			activity: {
				async handler(ctx) {
					const known = ctx.params.userIds.map((userId) => [userId, activeAtMs(userId)] as const);
					const active = known.flatMap(([userId, atMs]) => (atMs === undefined ? [] : [[userId, new Date(atMs).toISOString()]]));
					return { activity: Object.fromEntries(active) };
				},
			},
		},
	});
}
