import type { ServiceBroker } from "moleculer";
import { Batcher } from "../../lib/batcher.ts";
import { callsOf } from "../../lib/contracts.ts";
import { mergeStatuses } from "../presence/merge.ts";
import type { Status } from "../presence/presence.contract.ts";
import type { Sockets } from "./sockets.ts";

const timeoutMs = 2_000;

/**
 * Keeps the registry told of who has sockets here. A user is reported before their socket is connected: what is committed from
 * then on is pushed here, and what was committed before is in the `sync` that the client does next. Without the registry
 * everything still works, through sweeps and with more traffic.
 */
export class PresenceReporter {
	readonly #broker: ServiceBroker;
	readonly #sockets: Sockets;
	readonly #reports: Batcher<string, null>;

	constructor(broker: ServiceBroker, sockets: Sockets) {
		this.#broker = broker;
		this.#sockets = sockets;
		this.#reports = new Batcher(
			async (userIds) => {
				await this.#send(userIds, false);
				return userIds.map(() => null);
			},
			{ maxBatch: 1_000, maxParked: 100_000 },
		);
	}

	/** Says what a user is on this node now. Resolves in any case. */
	async report(userId: string): Promise<void> {
		try {
			await this.#reports.add(userId);
		} catch (error) {
			this.#broker.logger.debug("The registry was not told:", error);
		}
	}

	/** Prolongs the lease; should the registry have forgotten this node, reports everybody. */
	async renew(): Promise<void> {
		const { known } = await callsOf(this.#broker).call("presence.renew", { nodeId: this.#broker.nodeID }, { timeout: timeoutMs });
		if (!known) await this.#send(this.#sockets.userIds(), true);
	}

	async #send(userIds: string[], complete: boolean): Promise<void> {
		const users = [...new Set(userIds)].map((userId) => ({ userId, status: this.#statusOf(userId) }));
		await callsOf(this.#broker).call("presence.report", { nodeId: this.#broker.nodeID, users, complete }, { timeout: timeoutMs });
	}

	#statusOf(userId: string): Status {
		return mergeStatuses(this.#sockets.of(userId).map(({ data }) => data.status ?? "online"));
	}
}
