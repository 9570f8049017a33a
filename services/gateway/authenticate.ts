import type { ServiceBroker } from "moleculer";
import { Batcher } from "../../lib/batcher.ts";
import { ParleyError } from "../../lib/errors.ts";
import { rateLimited } from "../../lib/rate.ts";
import { callsOf } from "../contracts.ts";
import { createVerifier, type Verified } from "./token-verifier.ts";

/**
 * Verifies a token. A token of role `user` needs a user who is registered and not erased; `admin` and `platform` need none.
 *
 * Invalid tokens count against the address. Above the limit they are answered with RATE_LIMITED instead of UNAUTHENTICATED. A valid
 * token always passes, since many people may share an address. An expired token is not counted: apps come back with one all the
 * time, and learn from the answer that they need a new one.
 */
export type Authenticate = (token: unknown, address: string) => Promise<Verified>;

export function createAuthenticate(broker: ServiceBroker): Authenticate {
	const verify = createVerifier(broker.config.jwt);
	const failures = broker.limits.of("authFailures");
	// When thousands of clients reconnect at once, one call asks for many users.
	const active = new Batcher<string, boolean>(
		async (userIds) => {
			const { ids } = await callsOf(broker).call("users.active", { ids: [...new Set(userIds)] });
			const known = new Set(ids);
			return userIds.map((id) => known.has(id));
		},
		{ maxBatch: 1_000, maxParked: 50_000 },
	);

	async function identify(token: unknown): Promise<Verified> {
		const verified = await verify(token);
		if (verified.caller.role === "user" && !(await active.add(verified.caller.id))) throw new ParleyError("UNAUTHENTICATED");
		return verified;
	}

	return async (token, address) => {
		try {
			return await identify(token);
		} catch (error) {
			const quota = isFailure(error) ? await failures?.take(address) : undefined;
			throw quota?.allowed === false ? rateLimited(quota) : error;
		}
	};
}

function isFailure(error: unknown): boolean {
	return (error as Partial<ParleyError>).type === "UNAUTHENTICATED";
}
