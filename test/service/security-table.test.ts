import type { Socket } from "socket.io-client";
import { type Role, roles } from "../../lib/token.ts";
import { type ActionName, contracts } from "../../services/contracts.ts";
import { clientEventNames } from "../../services/gateway/gateway.contract.ts";
import { queries, routes } from "../../services/gateway/routes.ts";
import { askRoute, askSocket } from "../support/ask.ts";
import { asPlatform, tokenOf } from "../support/broker.ts";
import { type FurnishedNode, startFurnishedNode } from "../support/furnished-node.ts";
import { connect, disconnect, urlOf } from "../support/gateway.ts";
import { openConversation } from "../support/platform.ts";
import { internalActions, type Place, type Right, type Things, type Way, ways } from "../support/security-table.ts";
import { tableChecksums } from "../support/stored-rows.ts";

/** What a caller has to do with the things that are asked for. The participant is the one who uploaded the images. */
const relations = ["participant", "other participant", "stranger", "erased"] as const;
type Relation = (typeof relations)[number];

interface Identity {
	name: string;
	/** Null without a token. */
	role: Role | null;
	relation: Relation;
	token: string;
	place: Place;
}

let node: FurnishedNode;
let things: Things;
let identities: Identity[];
/** Sockets that stay, by the identity's name. */
const sockets = new Map<string, Socket>();

beforeAll(async () => {
	node = await startFurnishedNode();
	const { calls } = node;
	const conversing = await openConversation(calls);
	const { applicantId, employerId } = conversing;
	const strangerId = (await openConversation(calls)).applicantId;
	const conversingErased = await openConversation(calls, { employerId });
	const place = await node.furnish(conversing);
	const erasedPlace = await node.furnish(conversingErased);
	await calls.call("users.erase", { id: conversingErased.applicantId }, asPlatform);
	things = await node.thingsOf(conversing);

	const people: Record<Relation, { id: string; place: Place }> = {
		participant: { id: applicantId, place },
		"other participant": { id: employerId, place: { ...place, partnerId: applicantId } },
		stranger: { id: strangerId, place },
		erased: { id: conversingErased.applicantId, place: erasedPlace },
	};
	identities = [{ name: "no token", role: null, relation: "stranger", token: "", place }];
	for (const role of roles) {
		for (const relation of relations) {
			const token = await tokenOf(people[relation].id, role);
			identities.push({ name: `${role}, ${relation}`, role, relation, token, place: people[relation].place });
		}
	}
});

afterAll(async () => {
	await disconnect(node, ...sockets.values());
	await node.stop();
});

test("the table has every action, every route, every event and every query of the contracts, and nothing else", () => {
	const actions = Object.entries(contracts).flatMap(([service, { actions }]) =>
		Object.keys(actions).map((action) => `${service}.${action}`),
	);
	const namesOf = (kind: RegExp) => [...new Set(ways.map(({ name }) => name).filter((name) => kind.test(name)))].toSorted();
	expect(allActions.toSorted()).toEqual(actions.toSorted());
	expect(ways.filter(({ action }) => action && internalActions.includes(action))).toEqual([]);
	expect(namesOf(/^[A-Z]/)).toEqual(Object.keys(routes).toSorted());
	expect(namesOf(/^event /)).toEqual(clientEventNames.map((name) => `event ${name}`).toSorted());
	expect(namesOf(/^call /)).toEqual([...queries].map((name) => `call ${name}`).toSorted());
	for (const { name, action } of ways) if (name in routes) expect(routes[name]).toBe(action);
});

test.each(ways)("$name is for: $may", async (way) => {
	const expected = identities.map((identity) => ({ identity, answer: answerTo(way, identity) }));
	const refused = expected.filter(({ answer }) => answer !== way.success);
	const accepted = expected.filter(({ answer }) => answer === way.success);

	const before = await tableChecksums(node.databaseUrl);
	expect(await answersTo(way, refused)).toEqual(refused);
	expect(await tableChecksums(node.databaseUrl)).toEqual(before);

	expect(accepted.length).toBeGreaterThan(0);
	expect(await answersTo(way, accepted)).toEqual(accepted);
});

const allActions = [...new Set([...internalActions, ...ways.flatMap(({ action }) => action ?? [])])];
const notQueries = allActions.filter((action) => !queries.has(action));

test("an action that is not a query is unknown to a socket, for everybody", async () => {
	const before = await tableChecksums(node.databaseUrl);
	const wrong: string[] = [];
	for (const identity of identities) {
		const isGone = identity.role === "user" && identity.relation === "erased";
		for (const action of isGone ? notQueries.slice(0, 1) : notQueries) {
			const answer = await overSocket(identity, `call ${action}`, { ...things });
			if (answer !== (isGone ? "UNAUTHENTICATED" : "NOT_FOUND")) wrong.push(`${identity.name}, ${action}: ${answer}`);
		}
	}
	expect(wrong).toEqual([]);
	expect(await tableChecksums(node.databaseUrl)).toEqual(before);
});

test.each<[string, (action: ActionName) => string]>([
	["by its name", (action) => `/${action}`],
	["as service and action", (action) => `/${action.replace(".", "/")}`],
	["with the gateway's name before it", (action) => `/gateway/${action}`],
	["as moleculer-web has it in its examples", (action) => `/api/${action}`],
])("an action has no path but its routes: %s", async (_how, pathOf) => {
	const before = await tableChecksums(node.databaseUrl);
	const wrong: string[] = [];
	for (const { name, token } of identities.filter(({ relation }) => relation === "participant")) {
		for (const action of allActions) {
			const answer = await askRoute(urlOf(node), token, `POST ${pathOf(action)}`, { ...things });
			if (answer !== "404 NOT_FOUND") wrong.push(`${name}, ${action}: ${answer}`);
		}
	}
	expect(wrong).toEqual([]);
	expect(await tableChecksums(node.databaseUrl)).toEqual(before);
});

/** The answer that docs/protocol.md promises. */
function answerTo({ name, may, success }: Way, { role, relation }: Identity): string {
	const refuse = (status: number, code: string) => (/^[A-Z]/.test(name) ? `${status} ${code}` : code);
	if (may === "anyone") return success;
	if (role === null || (role === "user" && relation === "erased")) return refuse(401, "UNAUTHENTICATED");
	// A socket of any role may renew its token.
	if (name === "event authenticate") return success;
	if (role !== (may === "platform" || may === "admin" ? may : "user")) return refuse(403, "FORBIDDEN");
	return relationsOf[may].includes(relation) ? success : refuse(404, "NOT_FOUND");
}

/** The platform's own service and administrators need no user, so their `sub` does not matter. */
const relationsOf: Record<Exclude<Right, "anyone">, readonly Relation[]> = {
	person: ["participant", "other participant", "stranger"],
	participant: ["participant", "other participant"],
	uploader: ["participant"],
	owner: ["participant"],
	platform: relations,
	admin: relations,
};

async function answersTo(way: Way, cells: { identity: Identity }[]): Promise<{ identity: Identity; answer: string }[]> {
	const answers = [];
	for (const { identity } of cells) answers.push({ identity, answer: await outcome(way, identity) });
	return answers;
}

function outcome(way: Way, identity: Identity): Promise<string> {
	const params = way.params(identity.place, things, identity.token);
	if (way.name in routes) return askRoute(urlOf(node), identity.token, way.name, params);
	return overSocket(identity, way.name, params);
}

/** Also the code with which the connection was refused. */
async function overSocket(identity: Identity, what: string, params: object): Promise<string> {
	try {
		return await askSocket(await socketOf(identity), what, params);
	} catch (error) {
		const { data } = error as { data?: { code: string } };
		if (!data) throw error;
		return data.code;
	}
}

async function socketOf({ name, token }: Identity): Promise<Socket> {
	const known = sockets.get(name);
	// One without a token is closed after five seconds.
	if (known?.connected) return known;
	const socket = await (token === "" ? connect(node) : connect(node, token));
	sockets.set(name, socket);
	return socket;
}
