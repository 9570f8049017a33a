import { randomUUID } from "node:crypto";
import type { Conversation, Message, NewUser } from "../../../client/types.ts";
import type { Target } from "../../../testing/target.ts";
import { type Answer, type Caller, callerOf } from "./caller.ts";
import { Device } from "./device.ts";

/** A registered person with a token, on one of the gateways. */
export interface Person extends Caller {
	id: string;
	name: string;
	token: string;
	baseUrl: string;
	/** Connects another device; the person's second one is on the next gateway, if there are several. */
	device(options?: { acknowledges?: boolean }): Promise<Device>;
	/** Sends over REST and gives the stored message. */
	write(conversationId: string, content: string): Promise<Message>;
	/** Sends over REST with all that the answer says. */
	send(conversationId: string, message: object): Promise<Answer<Message>>;
}

export async function platformOf(target: Target): Promise<Caller> {
	return callerOf(target.baseUrls[0], await target.platformToken());
}

/** Registers a person under an id that nobody has had. `gateway` counts from 0, backwards if negative. */
export async function register(
	target: Target,
	{ gateway = 0, ...user }: Partial<NewUser> & { gateway?: number } = {},
): Promise<Person> {
	const id = `user-${randomUUID()}`;
	const name = user.name ?? `Person ${id.slice(5, 13)}`;
	const platform = await platformOf(target);
	await platform.put(`/platform/users/${id}`, { ...user, name });
	const token = await target.userToken(id);
	const gatewayAt = (index: number) => target.baseUrls.at(index % target.baseUrls.length) ?? target.baseUrls[0];
	const baseUrl = gatewayAt(gateway);
	const caller = callerOf(baseUrl, token);
	let devices = 0;
	return {
		...caller,
		id,
		name,
		token,
		baseUrl,
		device: (options) => Device.connect(gatewayAt(gateway + devices++), { token }, options),
		write: (conversationId, content) =>
			caller.post(`/conversations/${conversationId}/messages`, { clientId: randomUUID(), content }),
		send: (conversationId, message) => caller.ask("POST", `/conversations/${conversationId}/messages`, message),
	};
}

/** The platform says that the one applied for a job of the other. Gives the application's id. */
export async function apply(
	target: Target,
	applicant: Person,
	employer: Person,
	jobTitle = "Backend developer",
): Promise<string> {
	const id = `application-${randomUUID()}`;
	const platform = await platformOf(target);
	const application = { applicantId: applicant.id, employerId: employer.id, jobTitle, status: "APPLIED" };
	await platform.put(`/platform/applications/${id}`, application);
	return id;
}

/** Two people, Alice the applicant on the first gateway and Bob the employer on the last. */
export async function twoPeople(target: Target): Promise<{ alice: Person; bob: Person }> {
	const [alice, bob] = await Promise.all([register(target), register(target, { gateway: -1 })]);
	return { alice, bob };
}

/** Another application of the one with the other, and its conversation. */
export async function converse(target: Target, applicant: Person, employer: Person): Promise<Conversation> {
	return applicant.post("/conversations", { jobApplicationId: await apply(target, applicant, employer) });
}

/** Two people with a conversation, its id for short. */
export async function aConversation(target: Target) {
	const { alice, bob } = await twoPeople(target);
	const conversation = await converse(target, alice, bob);
	return { alice, bob, conversation, id: conversation.id };
}

/** The whole history in seq order, fetched afresh. */
export async function historyOf(person: Caller, conversationId: string): Promise<Message[]> {
	const messages: Message[] = [];
	for (let hasMore = true; hasMore; ) {
		const after = messages.at(-1)?.seq ?? 0;
		const page = await person.get<{ items: Message[]; hasMore: boolean }>(
			`/conversations/${conversationId}/messages?after=${after}&limit=100`,
		);
		messages.push(...page.items);
		hasMore = page.hasMore;
	}
	return messages;
}

/** `1, 2, … n` */
export function upTo(count: number): number[] {
	return Array.from({ length: count }, (_, index) => index + 1);
}
