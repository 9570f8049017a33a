import { randomUUID } from "node:crypto";
import type { Calls } from "../../services/contracts.ts";
import { as, asPlatform } from "./broker.ts";

/** Two people and what is between them. */
export interface Pair {
	applicantId: string;
	employerId: string;
	jobApplicationId: string;
}

export interface Conversing extends Pair {
	conversationId: string;
}

/** A person whom nobody else in the tests knows. */
export async function registerUser(calls: Calls, name = "Somebody"): Promise<string> {
	const id = `user-${randomUUID()}`;
	await calls.call("users.put", { id, name }, asPlatform);
	return id;
}

/** An application between two new people, or between those given. */
export async function registerApplication(calls: Calls, people: Partial<Pair> = {}): Promise<Pair> {
	const applicantId = people.applicantId ?? (await registerUser(calls, "Alice Applicant"));
	const employerId = people.employerId ?? (await registerUser(calls, "Bob Employer"));
	const jobApplicationId = `application-${randomUUID()}`;
	const application = { id: jobApplicationId, applicantId, employerId, jobTitle: "Lighthouse keeper", status: "SUBMITTED" };
	await calls.call("applications.put", application, asPlatform);
	return { applicantId, employerId, jobApplicationId };
}

/** A conversation between two new people, or between those given. */
export async function openConversation(calls: Calls, people: Partial<Pair> = {}): Promise<Conversing> {
	const pair = await registerApplication(calls, people);
	const { id } = await calls.call("conversations.create", { jobApplicationId: pair.jobApplicationId }, as(pair.applicantId));
	return { ...pair, conversationId: id };
}

/** Sends a text that nobody sent before, or the one given. */
export function send(calls: Calls, conversationId: string, senderId: string, content = `text ${randomUUID()}`) {
	return calls.call("messages.send", { conversationId, clientId: randomUUID(), content }, as(senderId));
}
