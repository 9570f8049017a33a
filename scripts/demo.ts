import { isDeepStrictEqual, parseArgs } from "node:util";
import { ChatClient } from "../client/chat.ts";
import type { ConversationState, Tick } from "../client/conversation-state.ts";
import { ParleyApiError } from "../client/errors.ts";
import { RestClient } from "../client/rest.ts";
import { embeddedSecret } from "../embedded/secret.ts";
import { type Config, loadConfig } from "../lib/config/config.ts";
import { localUrl } from "../lib/local-url.ts";
import { type Role, signToken } from "../lib/token.ts";

/**
 * Runs a short conversation on a running server and prints what each side sees. Exits with 1 when something is not as it should
 * be.
 */

const columnWidth = 58;
const timeoutMs = 10_000;
const ticks: Record<Tick, string> = { sent: "✓", delivered: "✓✓", read: "✓✓ read" };
const failures: string[] = [];

process.exitCode = await main().catch((error: unknown) => {
	console.error(error instanceof Error ? error.message : error);
	return 1;
});

async function main(): Promise<number> {
	const config = loadConfig();
	const baseUrl = urlOf(config);
	if (!(await fetch(`${baseUrl}/health/live`).catch(() => undefined))) {
		console.error(
			`No server answers at ${baseUrl}: start one with npm start, or set PORT and HOST to the values that the server has`,
		);
		return 1;
	}
	const { jobApplicationId, alice, bob } = await createPeople(baseUrl, config).catch((error: unknown) => {
		if (!(error instanceof ParleyApiError) || error.status !== 401) throw error;
		throw new Error(`${baseUrl} does not accept the demo's tokens: set JWT_SECRET or DATA_DIR to the value that the server has`);
	});
	console.log(`\n${alice.name.padEnd(columnWidth)}${bob.name}`);
	try {
		await runConversation(jobApplicationId, alice, bob);
	} finally {
		for (const { chat } of [alice, bob]) chat.close();
	}
	console.log(failures.length === 0 ? "\nAll of it as promised." : `\nNot as promised:\n- ${failures.join("\n- ")}`);
	return failures.length === 0 ? 0 : 1;
}

/** The URL of the server: from `--url`, otherwise from the same settings as the server's. */
function urlOf(config: Config): string {
	const { values } = parseArgs({ options: { url: { type: "string" } } });
	if (values.url !== undefined) return values.url.replace(/\/+$/, "");
	if (config.port === 0) throw new Error("PORT is 0, which is any free port: say where the server is by --url");
	return localUrl(config);
}

/** Creates two people and an application under new ids, so that the demo can run again and again. */
async function createPeople(baseUrl: string, { jwt, dataDir }: Config) {
	const run = Math.random().toString(36).slice(2, 8);
	const secret = jwt.secret ?? embeddedSecret(dataDir);
	const token = (sub: string, role: Role) => () => signToken({ sub, role, ttlSeconds: 600, jwt: { ...jwt, secret } });
	const person = (name: string, indent: number): Person => {
		const id = `demo-${name.toLowerCase()}-${run}`;
		const say = (text: string) => console.log(" ".repeat(indent) + text);
		return { id, name, say, chat: new ChatClient({ baseUrl, token: token(id, "user") }), heard: [] };
	};
	const [alice, bob] = [person("Alice", 0), person("Bob", columnWidth)];
	const jobApplicationId = `demo-application-${run}`;
	const platform = new RestClient({ baseUrl, token: token("demo-platform", "platform") });
	for (const { id, name } of [alice, bob]) await platform.putUser(id, { name });
	const application = { applicantId: alice.id, employerId: bob.id, jobTitle: "Backend developer", status: "APPLIED" };
	await platform.putApplication(jobApplicationId, application);
	return { jobApplicationId, alice, bob };
}

async function runConversation(jobApplicationId: string, alice: Person, bob: Person): Promise<void> {
	printHeading("Both connect; Alice opens the conversation of her application");
	for (const person of [alice, bob]) {
		listen(person, person === alice ? bob : alice);
		await person.chat.connect();
	}
	const { id } = await alice.chat.rest.createConversation(jobApplicationId);
	const [hers, his] = [await alice.chat.open(id), await bob.chat.open(id)];
	await eventually("Bob learns of the conversation", () => bob.heard.includes("conversation_updated ACTIVE"));

	printHeading("Each sees that the other is there");
	for (const [one, other] of [
		[alice, bob],
		[bob, alice],
	] as const) {
		const { status } = await one.chat.presence(other.id);
		one.say(`· ${other.name} is ${status}`);
		check(`${one.name} sees that ${other.name} is online`, status === "online");
	}
	await bob.chat.setPresence("away");
	await eventually("Alice sees that Bob is away", () => alice.heard.includes("user_away"));
	await bob.chat.setPresence("online");
	await eventually("Alice sees that Bob is back", () => alice.heard.includes("user_online"));

	printHeading("A message, its ticks, and what is unread");
	await alice.chat.startTyping(id);
	await eventually("Bob sees that Alice types", () => bob.heard.includes("typing"));
	const hello = await alice.chat.send(id, { content: "Hello Bob, is the job still open?" });
	await eventually("Bob gets the message", () => his.lastSeq === hello.seq);
	await eventually("Bob sees that Alice has stopped typing", () => bob.heard.includes("typed"));
	await eventually("Alice sees two ticks", () => hers.tick(hello) !== "sent");
	await eventually("Bob has one unread message", () => his.conversation.unreadCount === 1);
	await bob.chat.markRead(id);
	await eventually("Alice sees that it was read", () => hers.tick(hello) === "read");
	await eventually("Bob has nothing unread", () => his.conversation.unreadCount === 0);

	printHeading("Emoji, to the byte");
	const emoji = "It is 👍🏽 Come by with the whole family 👩‍👩‍👧‍👦 🇦🇹";
	const answer = await bob.chat.send(id, { content: emoji });
	await eventually("Alice gets the emoji as they were typed", () => hers.messages.at(-1)?.content === emoji);
	await eventually("Bob sees two ticks", () => his.tick(answer) !== "sent");
	await alice.chat.markRead(id);
	await eventually("Bob sees that it was read", () => his.tick(answer) === "read");
	await eventually("Alice has nothing unread", () => alice.heard.includes("unread 0"));

	printHeading("Bob is in a tunnel; Alice goes on writing");
	bob.chat.close();
	for (const content of ["Great!", "When shall I come?", "Tuesday would suit me."]) await alice.chat.send(id, { content });
	check(
		"messages that Bob has not got have one tick",
		hers.messages.slice(-3).every((message) => hers.tick(message) === "sent"),
	);

	printHeading("Bob is back, and gets what he missed, once");
	await bob.chat.connect();
	await eventually("Bob gets what he missed", () => his.lastSeq === 5);
	await eventually("Bob has three unread messages", () => his.conversation.unreadCount === 3);
	bob.say(`· unread: ${his.conversation.unreadCount} here`);
	await bob.chat.markRead(id);
	await eventually("Bob has nothing unread again", () => his.conversation.unreadCount === 0);
	await eventually("Alice sees that all was read", () => hers.messages.every((message) => hers.tick(message) === "read"));
	const seen = bob.heard.filter((event) => event.startsWith("message "));
	check(
		"Bob saw every message once and in order",
		isDeepStrictEqual(
			seen,
			[1, 2, 3, 4, 5].map((seq) => `message ${seq}`),
		),
	);

	printHeading("Alice archives the conversation; Bob cannot write until he reopens it");
	await alice.chat.rest.archiveConversation(id);
	await eventually("Bob learns that it is archived", () => his.conversation.status === "ARCHIVED");
	check("it says who archived it", his.conversation.archivedBy === alice.id);
	const refused = await bob.chat.send(id, { content: "Wait!" }).then(
		() => "accepted",
		(error: ParleyApiError) => error.code,
	);
	bob.say(`→ Wait! … ${refused}`);
	check("writing into an archived conversation is refused", refused === "CONVERSATION_ARCHIVED");
	await bob.chat.rest.reopenConversation(id);
	await eventually("Alice learns that it is open again", () => hers.conversation.status === "ACTIVE");
	const last = await bob.chat.send(id, { content: "Tuesday at ten, then. 🤝" });
	await eventually("Alice gets the last message", () => hers.lastSeq === last.seq);
	await eventually("Bob sees two ticks", () => his.tick(last) !== "sent");

	for (const [person, state] of [
		[alice, hers],
		[bob, his],
	] as const) {
		const { items } = await person.chat.rest.listMessages(id);
		check(`what ${person.name} saw is what the server has`, sameMessages(state, items));
	}

	printHeading("Both leave");
	for (const { chat, name, heard } of [alice, bob]) {
		chat.close();
		await eventually(`${name} is offline`, () => heard.at(-1) === "offline");
	}
}

function listen({ id, chat, say, heard }: Person, other: Person): void {
	chat.on("connected", () => say("· connected"));
	chat.on("disconnected", () => {
		heard.push("offline");
		say("· offline");
	});
	chat.on("message", ({ message }) => {
		heard.push(`message ${message.seq}`);
		say(message.senderId === id ? `→ ${message.content} ${ticks.sent}` : `← ${other.name}: ${message.content}`);
	});
	chat.on("message_delivered", ({ seq }) => say(`  ${ticks.delivered} up to message ${seq}`));
	chat.on("message_read", ({ userId, seq }) => {
		if (userId === other.id) say(`  ${ticks.read} up to message ${seq}`);
	});
	chat.on("unread_count", ({ count, total }) => {
		heard.push(`unread ${count}`);
		say(`· unread: ${count} here, ${total} in all`);
	});
	chat.on("conversation_updated", ({ conversation: { status, jobTitle, archivedBy } }) => {
		heard.push(`conversation_updated ${status}`);
		say(`· «${jobTitle}» is ${status}${archivedBy ? ` by ${archivedBy === id ? "me" : other.name}` : ""}`);
	});
	chat.on("user_online", () => {
		heard.push("user_online");
		say(`· ${other.name} is online`);
	});
	chat.on("user_away", () => {
		heard.push("user_away");
		say(`· ${other.name} is away`);
	});
	chat.on("user_typing", ({ typing }) => {
		heard.push(typing ? "typing" : "typed");
		if (typing) say(`  ${other.name} is typing …`);
	});
	chat.on("refused", ({ code }) => say(`· refused: ${code}`));
	chat.on("error", ({ code, message }) => say(`· error ${code}: ${message}`));
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
	const deadline = Date.now() + timeoutMs;
	while (!holds() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
	check(what, holds());
}

function check(what: string, holds: boolean): void {
	if (!holds) failures.push(what);
}

function printHeading(text: string): void {
	console.log(`\n— ${text} —`);
}

function sameMessages({ messages }: ConversationState, newestFirst: { id: string; content: string | null }[]): boolean {
	const essence = ({ id, content }: { id: string; content: string | null }) => ({ id, content });
	return isDeepStrictEqual(messages.map(essence), newestFirst.map(essence).reverse());
}

interface Person {
	id: string;
	name: string;
	chat: ChatClient;
	say: (text: string) => void;
	/** The events that this person received, in order. */
	heard: string[];
}
