import { randomUUID } from "node:crypto";
import type { Conversation, Message, Upload } from "../../../client/types.ts";
import type { Target, TargetOf } from "../../../testing/target.ts";
import { until } from "../../../testing/until.ts";
import { callerOf } from "./caller.ts";
import { closeDevices, codeOf, Device } from "./device.ts";
import { anError } from "./expectations.ts";
import { signatureMoved, signedByAnother, unsigned } from "./forged.ts";
import { aConversation, historyOf, type Person, platformOf, register } from "./people.ts";

export function describeAuthorization(target: TargetOf): void {
	afterEach(closeDevices);

	describe("every route for people", () => {
		it.each(routesForPeople)("refuses who is not known or not a person: $name", async (route) => {
			const scene = await aScene(target());
			const { alice } = scene;
			const before = await stateOf(alice, scene);
			const answers: Record<string, string> = {};
			for (const [who, token] of await impostors(target(), alice)) answers[who] = await outcome(route, scene, token);
			answers.platform = await outcome(route, scene, await target().platformToken());
			answers.admin = await outcome(route, scene, await target().adminToken());
			expect(answers).toEqual({ ...refusals, platform: "403 FORBIDDEN", admin: "403 FORBIDDEN" });
			expect(await stateOf(alice, scene)).toEqual(before);
		});

		const privateRoutes = routesForPeople.filter(({ isPrivate }) => isPrivate);

		it.each(privateRoutes)("hides what is not theirs from strangers: $name", async (route) => {
			const scene = await aScene(target());
			const { alice, stranger } = scene;
			const before = await stateOf(alice, scene);
			expect(await outcome(route, scene, stranger.token)).toBe("404 NOT_FOUND");
			expect(await stateOf(alice, scene)).toEqual(before);
		});

		it.each(privateRoutes.filter(({ path }) => path))(
			"answers for a stranger's id as for one that does not exist: $name",
			async (route) => {
				const scene = await aScene(target());
				const nowhere = { ...scene, ...somewhereElse(scene) };
				const [hidden, missing] = await Promise.all([scene, nowhere].map(async (at) => call(route, at, scene.stranger.token)));
				expect(withoutRequestId(hidden?.body)).toEqual(withoutRequestId(missing?.body));
				expect(hidden?.status).toBe(missing?.status);
			},
		);

		const malformed = [
			"nonsense",
			"1",
			"%20",
			"0",
			"null",
			"undefined",
			"a'b",
			"%F0%9F%91%8D",
			`${randomUUID()}x`,
			"9".repeat(300),
		];

		it.each(privateRoutes.filter(({ path }) => path))(
			"takes a malformed id for one that does not exist: $name",
			async (route) => {
				const scene = await aScene(target());
				for (const id of malformed) {
					const at = { ...scene, id, partnerId: id, imageId: id, message: { ...scene.message, id } };
					expect({ id, outcome: await outcome(route, at, scene.alice.token) }).toEqual({ id, outcome: "404 NOT_FOUND" });
				}
			},
		);
	});

	describe("every route for the platform", () => {
		it.each(routesForPlatform)("refuses everybody else: $name", async (route) => {
			const scene = await aScene(target());
			const { alice } = scene;
			const before = await stateOf(alice, scene);
			const platform = await target().platformToken();
			const answers = {
				"no token": await outcome(route, scene, undefined),
				"signed by another": await outcome(route, scene, signedByAnother(platform)),
				unsigned: await outcome(route, scene, unsigned(platform)),
				"claims moved": await outcome(route, scene, signatureMoved(alice.token, platform)),
				user: await outcome(route, scene, alice.token),
				"user, unregistered": await outcome(route, scene, await target().userToken(`user-${randomUUID()}`)),
				"user, expired": await outcome(route, scene, await target().userToken(alice.id, -3600)),
				admin: await outcome(route, scene, await target().adminToken()),
			};
			expect(answers).toEqual({
				"no token": "401 UNAUTHENTICATED",
				"signed by another": "401 UNAUTHENTICATED",
				unsigned: "401 UNAUTHENTICATED",
				"claims moved": "401 UNAUTHENTICATED",
				user: "403 FORBIDDEN",
				"user, unregistered": "401 UNAUTHENTICATED",
				"user, expired": "401 TOKEN_EXPIRED",
				admin: "403 FORBIDDEN",
			});
			expect(await stateOf(alice, scene)).toEqual(before);
		});
	});

	describe("a connection", () => {
		it("is refused to who is not known, with the code in connect_error", async () => {
			const alice = await register(target());
			const codes: Record<string, string> = {};
			for (const [who, token] of await impostors(target(), alice)) {
				if (token !== undefined) codes[who] = await connectCode(target(), token);
			}
			const { "no token": _, ...expected } = refusals;
			expect(codes).toEqual(Object.fromEntries(Object.entries(expected).map(([who, refusal]) => [who, refusal.slice(4)])));
		});

		it("is of no use without a person: role platform or admin", async () => {
			const scene = await aScene(target());
			for (const token of [await target().platformToken(), await target().adminToken()]) {
				const device = await Device.connect(scene.alice.baseUrl, { token });
				for (const event of events) {
					expect([event.name, await eventCode(device, event, scene)]).toEqual([event.name, "FORBIDDEN"]);
				}
			}
		});
	});

	describe("every event", () => {
		it.each(events)("needs authentication: $name", async (event) => {
			const scene = await aScene(target());
			const before = await stateOf(scene.alice, scene);
			const device = await Device.connect(scene.alice.baseUrl, {});
			expect(await eventCode(device, event, scene)).toBe("UNAUTHENTICATED");
			expect(await stateOf(scene.alice, scene)).toEqual(before);
		});

		it.each(privateEvents)("hides what is not theirs from strangers, as if it did not exist: $name", async (event) => {
			const scene = await aScene(target());
			const before = await stateOf(scene.alice, scene);
			const device = await scene.stranger.device();
			const nowhere = { ...scene, ...somewhereElse(scene) };
			expect(await eventCode(device, event, scene)).toBe("NOT_FOUND");
			expect(await eventCode(device, event, nowhere)).toBe("NOT_FOUND");
			expect(await stateOf(scene.alice, scene)).toEqual(before);
		});

		it("of a conversation is heard by nobody else, whatever they try", async () => {
			const { alice, bob, stranger, id, message, imageId } = await aScene(target());
			const [hers, his, spy] = [await alice.device(), await bob.device(), await stranger.device()];
			for (const event of events) await eventCode(spy, event, { id, message, imageId, partnerId: alice.id });
			for (const device of [hers, his]) await device.ask("join_conversation", { conversationId: id });
			await his.ask("typing_start", { conversationId: id });
			await until(() => hers.heard("user_typing").length > 0);
			await bob.write(id, "between us");
			await his.ask("mark_read", { conversationId: id });
			await alice.patch(`/conversations/${id}/archive`);
			await until(() => [hers, his].every((device) => device.heard("conversation_updated").length > 0));
			await until(() => hers.heard("message_received").length > 0 && hers.heard("message_read").length > 0);
			await spy.call("conversations.list", {});
			expect(spy.heardOf(id)).toEqual([]);
		});
	});

	describe("a person whom the platform erased", () => {
		it("is not known any more, with a token that was good a moment ago", async () => {
			const { alice, bob, id } = await aConversation(target());
			const platform = await platformOf(target());
			await platform.ask("DELETE", `/platform/users/${bob.id}`);
			for (const baseUrl of target().baseUrls) {
				const bobThere = callerOf(baseUrl, bob.token);
				await until(async () => (await bobThere.ask("GET", `/conversations/${id}`)).code === "UNAUTHENTICATED");
			}
			expect(await alice.ask("GET", `/conversations/${id}`)).toMatchObject({ status: 200 });
		});
	});

	describe("the Authorization header", () => {
		it.each(["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Token x", "Bearer null", "Bearer ..", "Bearer a.b.c"])(
			"is refused as %j",
			async (authorization) => {
				const response = await fetch(`${target().baseUrls[0]}/conversations`, { headers: { authorization } });
				expect(response.status).toBe(401);
				expect(await response.json()).toEqual(anError("UNAUTHENTICATED"));
			},
		);

		it("is the only place for a token", async () => {
			const alice = await register(target());
			const [baseUrl] = target().baseUrls;
			for (const query of ["token", "access_token", "authorization"]) {
				expect((await fetch(`${baseUrl}/conversations?${query}=${alice.token}`)).status).toBe(401);
			}
		});
	});
}

interface Scene {
	alice: Person;
	bob: Person;
	/** A registered person with nothing to do with the two. */
	stranger: Person;
	/** Bob's id. */
	partnerId: string;
	id: string;
	jobApplicationId: string;
	/** By Bob. */
	message: Message;
	/** Alice is about to upload it. */
	imageId: string;
}

type Place = Pick<Scene, "id" | "message" | "partnerId" | "imageId">;

interface Route {
	name: string;
	method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
	/** The path with an id in it; `fixed` where there is none. */
	path?: (place: Place, scene: Scene) => string;
	fixed?: string;
	body?: (scene: Scene) => object;
	/** Whether it is about one conversation or person, which strangers must not find. */
	isPrivate?: boolean;
}

const anImage = { filename: "photo.jpg", mimeType: "image/jpeg", sizeBytes: 1_000 };

const routesForPeople: Route[] = [
	{
		name: "POST /conversations",
		method: "POST",
		fixed: "/conversations",
		body: ({ jobApplicationId }) => ({ jobApplicationId }),
		isPrivate: true,
	},
	{ name: "GET /conversations", method: "GET", fixed: "/conversations" },
	{ name: "GET /conversations/unread-count/count", method: "GET", fixed: "/conversations/unread-count/count" },
	...ofConversation("GET", ""),
	...ofConversation("GET", "/metadata"),
	...ofConversation("PATCH", "/archive"),
	...ofConversation("PATCH", "/reopen"),
	...ofConversation("PATCH", "/read", () => ({ seq: 1 })),
	...ofConversation("PUT", "/mute", () => ({ until: "2099-01-01T00:00:00.000Z" })),
	...ofConversation("GET", "/unread-count"),
	...ofConversation("POST", "/messages", () => ({ clientId: randomUUID(), content: "let me in" })),
	...ofConversation("GET", "/messages"),
	...ofConversation("POST", "/messages/images/upload-url", () => anImage),
	...ofConversation("POST", "/messages/images/confirm", ({ imageId }) => ({ imageId })),
	{ name: "GET /images/:id", method: "GET", path: ({ imageId }) => `/images/${imageId}`, isPrivate: true },
	{ name: "DELETE /images/:id", method: "DELETE", path: ({ imageId }) => `/images/${imageId}`, isPrivate: true },
	{ name: "GET /sync", method: "GET", fixed: "/sync" },
	{
		name: "GET /users/:id/presence",
		method: "GET",
		path: ({ partnerId }) => `/users/${partnerId}/presence`,
		isPrivate: true,
	},
	{ name: "PATCH /messages/:id/read", method: "PATCH", path: ({ message }) => `/messages/${message.id}/read`, isPrivate: true },
];

const routesForPlatform: Route[] = [
	{
		name: "PUT /platform/users/:id",
		method: "PUT",
		path: (_, { alice }) => `/platform/users/${alice.id}`,
		body: () => ({ name: "Mallory" }),
	},
	{ name: "DELETE /platform/users/:id", method: "DELETE", path: (_, { alice }) => `/platform/users/${alice.id}` },
	{
		name: "PUT /platform/applications/:id",
		method: "PUT",
		path: (_, { jobApplicationId }) => `/platform/applications/${jobApplicationId}`,
		body: ({ alice, stranger }) => ({ applicantId: alice.id, employerId: stranger.id, jobTitle: "Stolen", status: "APPLIED" }),
	},
];

function ofConversation(method: Route["method"], rest: string, body?: Route["body"]): Route[] {
	const route: Route = {
		name: `${method} /conversations/:id${rest}`,
		method,
		path: ({ id }) => `/conversations/${id}${rest}`,
		isPrivate: true,
	};
	return [body ? { ...route, body } : route];
}

interface Event {
	name: string;
	/** An event, or the action of a `call`. */
	emit: string;
	payload: (place: Place) => object;
}

/** About one conversation or person, which strangers must not find. */
const privateEvents: Event[] = [
	{ name: "join_conversation", emit: "join_conversation", payload: ({ id }) => ({ conversationId: id }) },
	{ name: "leave_conversation", emit: "leave_conversation", payload: ({ id }) => ({ conversationId: id }) },
	{
		name: "send_message",
		emit: "send_message",
		payload: ({ id }) => ({ conversationId: id, clientId: randomUUID(), content: "let me in" }),
	},
	{ name: "mark_read by conversation", emit: "mark_read", payload: ({ id }) => ({ conversationId: id }) },
	{ name: "mark_read by message", emit: "mark_read", payload: ({ message }) => ({ messageId: message.id }) },
	{ name: "typing_start", emit: "typing_start", payload: ({ id }) => ({ conversationId: id }) },
	{ name: "typing_stop", emit: "typing_stop", payload: ({ id }) => ({ conversationId: id }) },
	{ name: "call messages.list", emit: "messages.list", payload: ({ id }) => ({ conversationId: id }) },
	{ name: "call conversations.get", emit: "conversations.get", payload: ({ id }) => ({ conversationId: id }) },
	{ name: "call conversations.metadata", emit: "conversations.metadata", payload: ({ id }) => ({ conversationId: id }) },
	{ name: "call conversations.unreadCount", emit: "conversations.unreadCount", payload: ({ id }) => ({ conversationId: id }) },
	{ name: "call media.get", emit: "media.get", payload: ({ imageId }) => ({ imageId }) },
	{ name: "call presence.get", emit: "presence.get", payload: ({ partnerId }) => ({ userId: partnerId }) },
];

const events: Event[] = [
	...privateEvents,
	{ name: "set_presence", emit: "set_presence", payload: () => ({ status: "away" }) },
	{ name: "sync", emit: "sync", payload: () => ({}) },
	{ name: "call conversations.list", emit: "conversations.list", payload: () => ({}) },
];

/** What each of `impostors` meets on every route. */
const refusals = {
	"no token": "401 UNAUTHENTICATED",
	nonsense: "401 UNAUTHENTICATED",
	expired: "401 TOKEN_EXPIRED",
	"signed by another": "401 UNAUTHENTICATED",
	unsigned: "401 UNAUTHENTICATED",
	"claims moved": "401 UNAUTHENTICATED",
	unregistered: "401 UNAUTHENTICATED",
	erased: "401 UNAUTHENTICATED",
};

async function impostors(target: Target, alice: Person): Promise<[keyof typeof refusals, string | undefined][]> {
	const erased = await register(target);
	const platform = await platformOf(target);
	await platform.ask("DELETE", `/platform/users/${erased.id}`);
	return [
		["no token", undefined],
		["nonsense", "nonsense"],
		["expired", await target.userToken(alice.id, -3600)],
		["signed by another", signedByAnother(alice.token)],
		["unsigned", unsigned(alice.token)],
		["claims moved", signatureMoved(erased.token, alice.token)],
		["unregistered", await target.userToken(`user-${randomUUID()}`)],
		["erased", erased.token],
	];
}

async function aScene(target: Target): Promise<Scene> {
	const { alice, bob, id, conversation } = await aConversation(target);
	const stranger = await register(target);
	const { jobApplicationId } = conversation;
	const { imageId } = await alice.post<Upload>(`/conversations/${id}/messages/images/upload-url`, anImage);
	return { alice, bob, stranger, partnerId: bob.id, id, jobApplicationId, imageId, message: await bob.write(id, "hello") };
}

/** Ids like those of the place, of nothing that exists. */
function somewhereElse({ message }: Place): Place {
	return {
		id: randomUUID(),
		partnerId: `user-${randomUUID()}`,
		imageId: randomUUID(),
		message: { ...message, id: randomUUID() },
	};
}

function call({ method, path, fixed = "", body }: Route, scene: Scene, token: string | undefined) {
	return callerOf(scene.alice.baseUrl, token).ask(method, path?.(scene, scene) ?? fixed, body?.(scene));
}

async function outcome(route: Route, scene: Scene, token: string | undefined): Promise<string> {
	const { status, code } = await call(route, scene, token);
	return `${status} ${code}`;
}

async function eventCode(device: Device, { emit, payload }: Event, place: Place): Promise<string> {
	if (!emit.includes(".")) return codeOf(await device.emit(emit, payload(place)));
	return (await device.call(emit, payload(place))).error?.code ?? "ok";
}

async function connectCode(target: Target, token: string): Promise<string> {
	const refused = await Device.connect(target.baseUrls[0], { token }).catch((error: { data?: { code?: string } }) => error);
	return refused instanceof Device ? "connected" : String(refused.data?.code);
}

/** All that an intruder could have changed. */
async function stateOf(alice: Person, { id }: Pick<Place, "id">) {
	return [await alice.get<Conversation>(`/conversations/${id}`), await historyOf(alice, id)];
}

function withoutRequestId(body: unknown): unknown {
	return { ...(body as { error: object }).error, requestId: undefined };
}
