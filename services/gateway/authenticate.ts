import type { ServiceBroker } from "moleculer";
import { Batcher } from "../../lib/batcher.ts";
import { callsOf } from "../../lib/contracts.ts";
import { ParleyError } from "../../lib/errors.ts";
import { createVerifier, type Verified } from "./token-verifier.ts";

/** Who a token speaks for. A user must be registered and not erased; `admin` and `platform` need no user. */
export type Authenticate = (token: unknown) => Promise<Verified>;

export function createAuthenticate(broker: ServiceBroker): Authenticate {
	const verify = createVerifier(broker.config.jwt);
	// When thousands reconnect at once, one question asks for many.
	const active = new Batcher<string, boolean>(
		async (userIds) => {
			const { ids } = await callsOf(broker).call("users.active", { ids: [...new Set(userIds)] });
			const known = new Set(ids);
			return userIds.map((id) => known.has(id));
		},
		{ maxBatch: 1_000, maxParked: 50_000 },
	);

	return async (token) => {
		const verified = await verify(token);
		if (verified.caller.role === "user" && !(await active.add(verified.caller.id))) throw new ParleyError("UNAUTHENTICATED");
		return verified;
	};
}
