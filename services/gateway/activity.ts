import type { ClientEventName } from "./gateway.contract.ts";
import type { ClientSocket, Sockets } from "./sockets.ts";

/** What an app does by itself, also while nobody looks at it. */
const automatic: ReadonlySet<ClientEventName> = new Set(["authenticate", "sync"]);

/** To be called for each event that is carried out. Keeps when a person last did something, as far as the event shows a person. */
export function noteActivity(socket: ClientSocket, event: ClientEventName | "call", payload?: unknown): void {
	if (event !== "call" && automatic.has(event)) return;
	if (event === "set_presence" && (payload as { status: string }).status !== "online") return;
	socket.data.activeAtMs = Date.now();
}

/** When each of these users last did something on this node; users who have done nothing on their sockets are left out. */
export function activityOf(sockets: Sockets, userIds: string[]): Record<string, string> {
	return Object.fromEntries(
		userIds.flatMap((userId) => {
			const latestMs = Math.max(...sockets.of(userId).map(({ data }) => data.activeAtMs ?? 0));
			return latestMs > 0 ? [[userId, new Date(latestMs).toISOString()]] : [];
		}),
	);
}
