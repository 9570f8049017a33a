import type { ActionContract } from "../../lib/service-contract.ts";
import type { ActionName } from "../contracts.ts";
import { contracts } from "../contracts.ts";

const actions = Object.entries(contracts).flatMap(([service, { actions }]) =>
	Object.entries<ActionContract>(actions).map(([action, contract]) => ({ name: `${service}.${action}` as ActionName, contract })),
);

/** What clients call over HTTP, and the action behind it, as the contracts say. */
export const routes: Record<string, ActionName> = routesOf(() => true);

/** Those that need a token. */
export const tokenRoutes = routesOf(({ access }) => access !== "anyone");

/** Those that need none. */
export const openRoutes = routesOf(({ access }) => access === "anyone");

/** The actions that a socket's `call` may name. */
export const queries: ReadonlySet<string> = new Set(
	actions.flatMap(({ name, contract: { isSocketQuery } }) => (isSocketQuery ? [name] : [])),
);

function routesOf(isOne: (contract: ActionContract) => boolean): Record<string, ActionName> {
	const chosen = actions.filter(({ contract }) => isOne(contract));
	return Object.fromEntries(chosen.flatMap(({ name, contract: { routes = [] } }) => routes.map((route) => [route, name])));
}
