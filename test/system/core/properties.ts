import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { ChatClient } from "../../../client/chat.ts";
import { ConversationState } from "../../../client/conversation-state.ts";
import type { Conversation, Message, ReadState, SyncAnswer } from "../../../client/types.ts";
import type { Target, TargetOf } from "../../../testing/target.ts";
import { until } from "../../../testing/until.ts";
import { Cable, closeCables } from "./cable.ts";
import { type Caller, callerOf } from "./caller.ts";
import { closeDevices } from "./device.ts";
import { aConversation, historyOf, type Person, upTo } from "./people.ts";

/**
 * The architecture's invariants under random interleavings. A script is a list of rounds; what is in one round happens at the
 * same time. Alice has two devices and Bob one, with the typed client on it. Each has a cable to every gateway; when they are cut,
 * it goes to the next one. After every round everything is compared with what the server answers when asked afresh.
 */
export function describeProperties(target: TargetOf): void {
	const timeoutMs = 120_000;
	// A run that hangs is a failure; a failing one is made smaller as long as Jest waits.
	const limits = { numRuns: 15, timeout: 20_000, interruptAfterTimeLimit: 0.8 * timeoutMs, markInterruptAsFailure: true };

	afterEach(() => {
		for (const client of clients) client.close();
		clients.clear();
		closeCables();
		closeDevices();
	});

	it(
		"after any interleaving of sends, duplicates, reads and cut connections: seqs have no gap, one clientId is one message, unread is what the rows say, and every device shows what the server has",
		async () => {
			await fc.assert(
				fc.asyncProperty(scripts, async (script) => {
					const stage = await aStage(target());
					for (const round of script) {
						await Promise.all(round.map((step) => perform(stage, step)));
						await expectInvariants(stage);
					}
					leave(stage);
				}),
				limits,
			);
		},
		timeoutMs,
	);

	it(
		"after any chain of syncs, whatever happens meanwhile and whichever gateway answers, what they told is what the server has",
		async () => {
			const rounds = fc.array(fc.array(changes, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 });
			await fc.assert(
				fc.asyncProperty(rounds, async (script) => {
					const { alice, bob, id } = await aConversation(target());
					const reader = new SyncReader(target(), bob);
					await reader.sync();
					for (const round of script) {
						const changing = Promise.all(round.map((change) => apply(change, change.byAlice ? alice : bob, id)));
						await reader.sync();
						await changing;
						await reader.sync();
						const { conversation, messages } = reader.told(id);
						expect(conversation).toEqual(await bob.get(`/conversations/${id}`));
						const essence = ({ seq, id: messageId, content }: Message) => ({ seq, messageId, content });
						expect(messages.map(essence)).toEqual((await historyOf(bob, id)).map(essence));
					}
				}),
				limits,
			);
		},
		timeoutMs,
	);

	it(
		"a clientId sent any number of times, by any transport and any device, in parallel, is one message with one seq",
		async () => {
			const copies = fc.array(fc.record({ device: fc.nat(2), via: transports }), { minLength: 2, maxLength: 12 });
			await fc.assert(
				fc.asyncProperty(fc.array(copies, { minLength: 1, maxLength: 4 }), async (messages) => {
					const stage = await aStage(target());
					const steps = messages.flatMap((copiesOfOne) => {
						const pick = stage.drafts.push({ clientId: randomUUID(), content: "once" }) - 1;
						return copiesOfOne.map(({ device, via }): Step => ({ kind: "repeat", device, pick, via }));
					});
					await Promise.all(steps.map((step) => perform(stage, step)));
					await expectInvariants(stage);
					leave(stage);
				}),
				limits,
			);
		},
		timeoutMs,
	);

	it(
		"at any moment, also while messages and reads are under way, unread is what was written above the read mark",
		async () => {
			const reads = fc.array(fc.nat(20), { minLength: 1, maxLength: 10 });
			await fc.assert(
				fc.asyncProperty(fc.integer({ min: 1, max: 20 }), reads, async (count, marks) => {
					const { alice, bob, id } = await aConversation(target());
					const writing = Promise.all(upTo(count).map((n) => alice.write(id, `message ${n}`)));
					const reading = Promise.all(marks.map((seq) => bob.patch<ReadState>(`/conversations/${id}/read`, { seq })));
					const looking = Promise.all(upTo(10).map(() => bob.get<Conversation>(`/conversations/${id}`)));
					await writing;
					await reading;
					for (const seen of [...(await looking), await bob.get<Conversation>(`/conversations/${id}`)]) {
						expect(seen.unreadCount).toBe(seen.lastSeq - readSeqOf(seen, bob));
					}
					await bob.patch(`/conversations/${id}/read`);
					expect((await bob.get<Conversation>(`/conversations/${id}`)).unreadCount).toBe(0);
				}),
				limits,
			);
		},
		timeoutMs,
	);

	it("a device that pushes did not reach notices the gap at the next one, and shows what was missed, once and in order", async () => {
		const stage = await aStage(target());
		const { id, alice, bob, devices } = stage;
		const { cables, state } = at(devices, 2);
		const losePushes = (losesPushes: boolean) => {
			for (const cable of cables) cable.losesPushes = losesPushes;
		};
		const witness = await bob.device();
		await alice.write(id, "one");
		await until(() => state.lastSeq === 1);
		losePushes(true);
		await alice.write(id, "two");
		await alice.write(id, "three");
		await until(() => witness.heard("message_received").some(({ message }) => message.seq === 3));
		losePushes(false);
		await alice.write(id, "four");
		await Promise.all(devices.map((device) => until(() => expectFresh(device, stage))));
		leave(stage);
	});

	it(
		"however both archive and reopen at once, every device ends with what the server has",
		async () => {
			const acts = fc.array(fc.record({ device: fc.nat(2), act: fc.constantFrom("archive", "reopen") }), {
				minLength: 2,
				maxLength: 14,
			});
			await fc.assert(
				fc.asyncProperty(acts, async (steps) => {
					const stage = await aStage(target());
					const { id, devices } = stage;
					const actors = steps.map(({ device, act }) => at(devices, device).person.patch(`/conversations/${id}/${act}`));
					await Promise.all(actors);
					await expectInvariants(stage);
					leave(stage);
				}),
				limits,
			);
		},
		timeoutMs,
	);
}

type Via = "socket" | "REST";

/** `device` 0 and 1 are Alice's, 2 is Bob's. */
type Step =
	| { kind: "send"; device: number; via: Via }
	| { kind: "repeat"; device: number; via: Via; pick: number }
	| { kind: "read"; device: number; via: Via; upTo: number | undefined }
	| { kind: "cut"; device: number };

const transports: fc.Arbitrary<Via> = fc.constantFrom("socket", "REST");

const steps: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 5, arbitrary: fc.record({ kind: fc.constant("send" as const), device: fc.nat(2), via: transports }) },
	{
		weight: 3,
		arbitrary: fc.record({ kind: fc.constant("repeat" as const), device: fc.nat(2), via: transports, pick: fc.nat(50) }),
	},
	{
		weight: 3,
		arbitrary: fc.record({
			kind: fc.constant("read" as const),
			device: fc.nat(2),
			via: transports,
			upTo: fc.option(fc.nat(30), { nil: undefined }),
		}),
	},
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const), device: fc.nat(2) }) },
);

const scripts = fc.array(fc.array(steps, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 });

/** What one of the two does over REST. */
type Change = { kind: "send" | "read" | "archive" | "reopen" | "mute"; byAlice: boolean };

const changes: fc.Arbitrary<Change> = fc.record({
	kind: fc.constantFrom("send", "send", "send", "read", "archive", "reopen", "mute"),
	byAlice: fc.boolean(),
});

async function apply({ kind }: Change, person: Person, id: string): Promise<void> {
	switch (kind) {
		case "send":
			// Into an archived conversation it is refused, which changes nothing.
			await person.send(id, { clientId: randomUUID(), content: "hello" });
			break;
		case "mute":
			await person.put(`/conversations/${id}/mute`, { until: new Date(Date.now() + 60_000).toISOString() });
			break;
		case "read":
		case "archive":
		case "reopen":
			await person.patch(`/conversations/${id}/${kind}`);
			break;
		default:
			kind satisfies never;
	}
}

/** Somebody who knows only what `sync` said, by one gateway after the other. */
class SyncReader {
	readonly #gateways: Caller[];
	readonly #conversations = new Map<string, Conversation>();
	readonly #messages = new Map<string, Message>();
	#since = "";
	#turn = 0;

	constructor(target: Target, { token }: Person) {
		this.#gateways = target.baseUrls.map((baseUrl) => callerOf(baseUrl, token));
	}

	async sync(): Promise<void> {
		const gateway = at(this.#gateways, this.#turn++ % this.#gateways.length);
		const answer = await gateway.get<SyncAnswer>(this.#since === "" ? "/sync" : `/sync?since=${this.#since}`);
		expect(answer.reset).toBe(false);
		for (const { messages, hasMore, ...conversation } of answer.conversations) {
			expect(hasMore).toBe(false);
			this.#conversations.set(conversation.id, conversation);
			for (const message of messages) this.#messages.set(`${message.conversationId} ${message.seq}`, message);
		}
		this.#since = answer.nextSince;
	}

	told(id: string) {
		const messages = [...this.#messages.values()].filter(({ conversationId }) => conversationId === id);
		return { conversation: this.#conversations.get(id), messages: messages.toSorted((a, b) => a.seq - b.seq) };
	}
}

const clients = new Set<ChatClient>();

interface Seat {
	person: Person;
	client: ChatClient;
	cables: Cable[];
	state: ConversationState;
	/** The seqs that the client announced, in order. */
	announced: number[];
}

interface Stage {
	id: string;
	alice: Person;
	bob: Person;
	devices: Seat[];
	drafts: { clientId: string; content: string }[];
	/** What was acknowledged to whom, one entry an acknowledgement. */
	acknowledged: Message[];
	/** Read marks that were acknowledged. */
	reads: { userId: string; readSeq: number }[];
}

async function aStage(target: Target): Promise<Stage> {
	const { alice, bob, id } = await aConversation(target);
	const devices = await Promise.all([alice, alice, bob].map((person, index) => takeSeat(target, person, index, id)));
	return { id, alice, bob, devices, drafts: [], acknowledged: [], reads: [] };
}

/** The devices begin on different gateways. */
async function takeSeat({ baseUrls }: Target, person: Person, first: number, id: string): Promise<Seat> {
	const cables = await Promise.all(baseUrls.map((_, index) => Cable.to(at(baseUrls, (first + index) % baseUrls.length))));
	let turn = 0;
	const baseUrl = () => at(cables, turn++ % cables.length).url;
	const client = new ChatClient({ baseUrl, token: person.token, reconnectDelayMs: 20 });
	clients.add(client);
	const announced: number[] = [];
	client.on("message", ({ message }) => announced.push(message.seq));
	await client.connect();
	return { person, client, cables, state: await client.open(id), announced };
}

function leave({ devices }: Stage): void {
	for (const { client, cables } of devices) {
		client.close();
		for (const cable of cables) cable.close();
		clients.delete(client);
	}
}

async function perform(stage: Stage, step: Step): Promise<void> {
	const { id, drafts, acknowledged, reads } = stage;
	const { person, client, cables } = at(stage.devices, step.device);
	switch (step.kind) {
		case "send":
		case "repeat": {
			const draft = (step.kind === "repeat" && drafts[step.pick % drafts.length]) || newDraft(drafts);
			const stored = step.via === "REST" ? (await person.send(id, draft)).body : await client.send(id, draft);
			acknowledged.push(stored);
			break;
		}
		case "read": {
			const { userId, readSeq } = await read(stage, step);
			reads.push({ userId, readSeq });
			break;
		}
		case "cut":
			for (const cable of cables) cable.cut();
			break;
		default:
			step satisfies never;
	}
}

async function read({ id, devices }: Stage, { device, via, upTo: seq }: Extract<Step, { kind: "read" }>) {
	const { person, client } = at(devices, device);
	const { readSeq } =
		via === "REST" ? await person.patch<ReadState>(`/conversations/${id}/read`, { seq }) : await client.markRead(id, seq);
	return { userId: person.id, readSeq };
}

function newDraft(drafts: Stage["drafts"]) {
	const draft = { clientId: randomUUID(), content: `message ${drafts.length + 1} 👋🏽` };
	drafts.push(draft);
	return draft;
}

async function expectInvariants(stage: Stage): Promise<void> {
	const { id, alice, bob, devices, acknowledged, reads } = stage;
	const history = await historyOf(alice, id);

	expect(history.map(({ seq }) => seq)).toEqual(upTo(history.length));

	const keyOf = ({ senderId, clientId }: Message) => `${senderId} ${clientId}`;
	const stored = new Map(history.map((message) => [keyOf(message), message]));
	expect(stored.size).toBe(history.length);
	expect(new Set(acknowledged.map(keyOf)).size).toBe(history.length);
	for (const message of acknowledged) {
		const { id: messageId, seq, content } = message;
		expect(stored.get(keyOf(message))).toMatchObject({ id: messageId, seq, content });
	}

	for (const person of [alice, bob]) {
		const fresh = await person.get<Conversation>(`/conversations/${id}`);
		const marks = reads.filter(({ userId }) => userId === person.id).map(({ readSeq }) => readSeq);
		const readSeq = readSeqOf(fresh, person);
		expect(readSeq).toBeGreaterThanOrEqual(Math.max(0, ...marks));
		const unread = history.filter(({ seq, senderId }) => seq > readSeq && senderId !== person.id).length;
		expect(fresh.unreadCount).toBe(unread);
		expect(await person.get(`/conversations/${id}/unread-count`)).toEqual({ count: unread });
		expect(await person.get("/conversations/unread-count/count")).toEqual({ count: unread });
	}

	await Promise.all(devices.map((device) => until(() => expectFresh(device, stage))));
}

/** `state + events = fresh state`, in all that a client shows. */
async function expectFresh({ person, state, announced }: Seat, { id }: Stage): Promise<true> {
	const fresh = new ConversationState(await person.get<Conversation>(`/conversations/${id}`), 0);
	for (const message of await historyOf(person, id)) fresh.add(message);
	expect(shownTo(person, state)).toEqual(shownTo(person, fresh));
	expect(announced).toEqual(upTo(fresh.lastSeq));
	return true;
}

/** Ticks only of one's own messages: nobody is told about their own deliveries. */
function shownTo(person: Person, state: ConversationState) {
	const { status, archivedBy, archivedAt, lastSeq, lastMessage, lastMessageAt, unreadCount } = state.conversation;
	const messages = state.messages.map((message) => {
		const { id, seq, clientId, senderId, content, contentHtml, createdAt } = message;
		return { id, seq, clientId, senderId, content, contentHtml, createdAt, tick: senderId === person.id && state.tick(message) };
	});
	return { status, archivedBy, archivedAt, lastSeq, lastMessage: lastMessage?.id, lastMessageAt, unreadCount, messages };
}

function readSeqOf({ participants }: Conversation, { id }: Person): number {
	return participants.find(({ userId }) => userId === id)?.readSeq ?? 0;
}

function at<Item>(items: readonly Item[], index: number): Item {
	const item = items[index];
	if (item === undefined) throw new Error(`There is no item ${index}`);
	return item;
}
