import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "socket.io-client";
import { type EmbeddedStorage, startStorage } from "../../embedded/storage.ts";
import { serviceNames } from "../../lib/config/service-names.ts";
import { type Role, roles } from "../../lib/token.ts";
import { type ActionName, contracts } from "../../services/contracts.ts";
import { clientEventNames } from "../../services/gateway/gateway.contract.ts";
import { queries, routes } from "../../services/gateway/routes.ts";
import { storageEnv } from "../../testing/storage-env.ts";
import { as, asPlatform, startBroker, type TestNode, tokenOf } from "../support/broker.ts";
import { createMigratedDatabase, query, type TestDatabase } from "../support/database.ts";
import { connect, disconnect, urlOf } from "../support/gateway.ts";
import { picture } from "../support/images.ts";
import { openConversation, registerUser, send } from "../support/platform.ts";
import { internalActions, type Place, type Right, type Things, type Way, ways } from "../support/security-table.ts";

/** What a caller has to do with the things that are asked for. The participant is the one who uploaded the images. */
const relations = ["participant", "other participant", "stranger", "erased"] as const;
type Relation = (typeof relations)[number];

interface Identity {
	name: string;
	/** Without a token it has none. */
	role: Role | null;
	relation: Relation;
	token: string;
	place: Place;
}

let database: TestDatabase;
let dataDir: string;
let storage: EmbeddedStorage;
let node: TestNode;
let things: Things;
let identities: Identity[];
/** Sockets that stay, by the identity's name. */
const sockets = new Map<string, Socket>();

beforeAll(async () => {
	database = await createMigratedDatabase();
	dataDir = mkdtempSync(join(tmpdir(), "parley-security-"));
	storage = await startStorage({ dataDir });
	node = await startBroker({ databaseUrl: database.url, services: serviceNames, env: storageEnv(storage.s3) });
	const { calls } = node;
	const main = await openConversation(calls);
	const { applicantId, employerId } = main;
	const strangerId = (await openConversation(calls)).applicantId;
	const erased = await openConversation(calls, { employerId });
	const place = await furnish(main);
	const erasedPlace = await furnish(erased);
	await calls.call("users.erase", { id: erased.applicantId }, asPlatform);
	things = { applicantId, employerId, leavingId: await registerUser(calls) };

	const people: Record<Relation, { id: string; place: Place }> = {
		participant: { id: applicantId, place },
		"other participant": { id: employerId, place: { ...place, partnerId: applicantId } },
		stranger: { id: strangerId, place },
		erased: { id: erased.applicantId, place: erasedPlace },
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
	await storage.stop();
	await database.drop();
	rmSync(dataDir, { recursive: true });
});

test("the table has every action, every route, every event and every query of the contracts, and nothing else", () => {
	const actions = Object.entries(contracts).flatMap(([service, { actions }]) =>
		Object.keys(actions).map((action) => `${service}.${action}`),
	);
	const namesOf = (kind: RegExp) => [...new Set(ways.map(({ name }) => name).filter((name) => kind.test(name)))].toSorted();
	expect([...new Set([...ways.flatMap(({ action }) => action ?? []), ...internalActions])].toSorted()).toEqual(
		actions.toSorted(),
	);
	expect(ways.filter(({ action }) => action && internalActions.includes(action))).toEqual([]);
	expect(namesOf(/^[A-Z]/)).toEqual(Object.keys(routes).toSorted());
	expect(namesOf(/^event /)).toEqual(clientEventNames.map((name) => `event ${name}`).toSorted());
	expect(namesOf(/^call /)).toEqual([...queries].map((name) => `call ${name}`).toSorted());
	for (const { name, action } of ways) if (name in routes) expect(routes[name]).toBe(action);
});

test.each(ways)("$name is for: $may", async (way) => {
	const expected = identities.map((identity): [Identity, string] => [identity, answerTo(way, identity)]);
	const isRefused = ([, answer]: [Identity, string]) => answer !== way.success;

	const before = await fingerprint();
	const refused: [Identity, string][] = [];
	for (const [identity] of expected.filter(isRefused)) refused.push([identity, await outcome(way, identity)]);
	expect(named(refused)).toEqual(named(expected.filter(isRefused)));
	expect(await fingerprint()).toEqual(before);

	const accepted: [Identity, string][] = [];
	for (const [identity] of expected.filter((one) => !isRefused(one))) accepted.push([identity, await outcome(way, identity)]);
	expect(accepted.length).toBeGreaterThan(0);
	expect(named(accepted)).toEqual(named(expected.filter((one) => !isRefused(one))));
});

const notQueries = [...new Set([...internalActions, ...ways.flatMap(({ action }) => action ?? [])])].filter(
	(action) => !queries.has(action),
);

test("an action that is not a query is unknown to a socket, for everybody", async () => {
	const before = await fingerprint();
	const wrong: string[] = [];
	for (const identity of identities) {
		const isGone = identity.role === "user" && identity.relation === "erased";
		for (const action of isGone ? notQueries.slice(0, 1) : notQueries) {
			const answer = await overSocket(identity, `call ${action}`, things);
			if (answer !== (isGone ? "UNAUTHENTICATED" : "NOT_FOUND")) wrong.push(`${identity.name}, ${action}: ${answer}`);
		}
	}
	expect(wrong).toEqual([]);
	expect(await fingerprint()).toEqual(before);
});

test.each<[string, (action: ActionName) => string]>([
	["by its name", (action) => `/${action}`],
	["as service and action", (action) => `/${action.replace(".", "/")}`],
	["with the gateway's name before it", (action) => `/gateway/${action}`],
	["as moleculer-web has it in its examples", (action) => `/api/${action}`],
])("an action has no path but its routes: %s", async (_how, pathOf) => {
	const before = await fingerprint();
	const wrong: string[] = [];
	for (const identity of identities.filter(({ relation }) => relation === "participant")) {
		for (const action of [...notQueries, ...(queries as ReadonlySet<ActionName>)]) {
			const answer = await overRest(identity, "POST", pathOf(action), things);
			if (answer !== "404 NOT_FOUND") wrong.push(`${identity.name}, ${action}: ${answer}`);
		}
	}
	expect(wrong).toEqual([]);
	expect(await fingerprint()).toEqual(before);
});

/** The answer that docs/protocol.md promises. */
function answerTo({ name, may, success }: Way, { role, relation }: Identity): string {
	const refuse = (status: number, code: string) => (/^[A-Z]/.test(name) ? `${status} ${code}` : code);
	if (role === null || (role === "user" && relation === "erased")) return refuse(401, "UNAUTHENTICATED");
	// A socket of any role may renew its token.
	if (name === "event authenticate") return success;
	if (role !== (may === "platform" ? "platform" : "user")) return refuse(403, "FORBIDDEN");
	return relationsOf[may].includes(relation) ? success : refuse(404, "NOT_FOUND");
}

/** The platform's own service needs no user, so its `sub` does not matter. */
const relationsOf: Record<Right, readonly Relation[]> = {
	person: ["participant", "other participant", "stranger"],
	participant: ["participant", "other participant"],
	uploader: ["participant"],
	platform: relations,
};

function outcome(way: Way, identity: Identity): Promise<string> {
	const params = way.params(identity.place, things, identity.token);
	const [kind = "", pattern = ""] = way.name.split(" ");
	if (!/^[A-Z]/.test(kind)) return overSocket(identity, way.name, params);
	const rest = new Map(Object.entries(params));
	const path = pattern.replace(/:(\w+)/g, (_all, name: string) => {
		const value = String(rest.get(name));
		rest.delete(name);
		return value;
	});
	return overRest(identity, kind, path, Object.fromEntries(rest));
}

/** `200`, or `404 NOT_FOUND`. */
async function overRest({ token }: Identity, method: string, path: string, params: object): Promise<string> {
	const headers = { ...(token && { Authorization: `Bearer ${token}` }) };
	const hasBody = !/^(?:GET|DELETE)$/.test(method);
	const queryString = hasBody ? "" : `?${new URLSearchParams(params as Record<string, string>)}`;
	const response = await fetch(urlOf(node) + path + queryString, {
		method,
		headers: { ...headers, ...(hasBody && { "Content-Type": "application/json" }) },
		...(hasBody && { body: JSON.stringify(params) }),
	});
	const text = await response.text();
	return response.ok ? String(response.status) : `${response.status} ${JSON.parse(text).error.code}`;
}

/** `ok`, or a code; also that with which the connection was refused. */
async function overSocket(identity: Identity, name: string, params: object): Promise<string> {
	const [kind, what = ""] = name.split(" ");
	try {
		const socket = (await socketOf(identity)).timeout(5_000);
		if (kind === "event") {
			const answer = await socket.emitWithAck(what, params);
			return answer.ok ? "ok" : answer.error.code;
		}
		return await new Promise((resolve, reject) =>
			socket.emit("call", what, params, (late: Error | null, error?: { code: string }) =>
				late ? reject(late) : resolve(error?.code ?? "ok"),
			),
		);
	} catch (error) {
		const { data } = error as { data?: { code: string } };
		if (!data) throw error;
		return data.code;
	}
}

async function socketOf({ name, token }: Identity): Promise<Socket> {
	let socket = sockets.get(name);
	// One without a token is closed after five seconds.
	if (!socket?.connected) {
		socket = await connect(node, token);
		sockets.set(name, socket);
	}
	return socket;
}

function named(outcomes: [Identity, string][]): Record<string, string> {
	return Object.fromEntries(outcomes.map(([{ name }, answer]) => [name, answer]));
}

/** A message, and two confirmed images by the applicant. */
async function furnish(pair: { conversationId: string; applicantId: string; employerId: string; jobApplicationId: string }) {
	const { conversationId, applicantId, employerId, jobApplicationId } = pair;
	const { id: messageId } = await send(node.calls, conversationId, applicantId, "hello");
	const [imageId, spareImageId] = [await confirmedImage(), await confirmedImage()];
	return { conversationId, jobApplicationId, messageId, imageId, spareImageId, partnerId: employerId };

	async function confirmedImage(): Promise<string> {
		const bytes = await picture().png().toBuffer();
		const wanted = { conversationId, filename: "photo.png", mimeType: "image/png", sizeBytes: bytes.length } as const;
		const { imageId, uploadUrl, method, headers } = await node.calls.call("media.requestUpload", wanted, as(applicantId));
		await fetch(uploadUrl, { method, headers, body: new Uint8Array(bytes) });
		await node.calls.call("media.confirm", { conversationId, imageId }, as(applicantId));
		return imageId;
	}
}

/** What is stored, table by table: a refused call must not have changed it. */
async function fingerprint(): Promise<Record<string, string>> {
	const names = await query<{ name: string }>(
		database.url,
		"select tablename as name from pg_tables where schemaname = 'public' order by 1",
	);
	const parts = names.map(
		({ name }) => `select '${name}' as name, md5(string_agg(t::text, '' order by t::text)) as sum from ${name} t`,
	);
	const rows = await query<{ name: string; sum: string }>(database.url, parts.join(" union all "));
	return Object.fromEntries(rows.map(({ name, sum }) => [name, sum]));
}
