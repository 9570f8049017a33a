import type { RunningServer } from "../../support/server.ts";
import { aConversation } from "../core/people.ts";
import { carryOut, type Report } from "./attack.ts";
import { restAttacks } from "./rest.ts";
import { socketAttacks } from "./sockets.ts";
import type { Known } from "./values.ts";

export interface FuzzOptions {
	/** For all attacks together. */
	forMs: number;
	seed: number;
	/** The longest time that an answer may take. */
	maxMs: number;
}

export interface FuzzReport {
	reports: Report[];
	medianMs: number;
	/** What was answered wrongly, each with the input that shows it. */
	failures: string[];
}

/** Attacks every route, event and query of a server that serves nobody else, one after the other. */
export async function fuzz(server: RunningServer, { forMs, seed, maxMs }: FuzzOptions): Promise<FuzzReport> {
	const { alice, bob, id, conversation } = await aConversation(server);
	const messages = [await bob.write(id, "hello there"), await bob.write(id, "hello again")];
	const image = { conversationId: id, filename: "a.png", mimeType: "image/png", sizeBytes: 100 };
	const { imageId } = await alice.post<{ imageId: string }>(`/conversations/${id}/messages/images/upload-url`, image);
	const found = await alice.get<{ nextCursor: string | null }>("/messages/search?q=hello&limit=1&sort=recent");
	const { nextSince } = await alice.get<{ nextSince: string }>("/sync");
	const listed = Buffer.from(JSON.stringify([conversation.createdAt, id])).toString("base64url");
	const known: Known = {
		conversationId: [id],
		messageId: messages.map((message) => message.id),
		imageId: [imageId],
		jobApplicationId: [conversation.jobApplicationId],
		id: [conversation.jobApplicationId, bob.id],
		userId: [bob.id, alice.id],
		applicantId: [alice.id],
		employerId: [bob.id],
		q: ["hello", '"hello there" -again', "Person"],
		cursor: [listed, ...(found.nextCursor ? [found.nextCursor] : [])],
		since: [nextSince],
		locale: ["de-AT"],
		timezone: ["Europe/Vienna"],
	};
	const tokens = { user: alice.token, platform: await server.platformToken() };
	const attacks = [...restAttacks(server.baseUrls[0], known, tokens), ...socketAttacks(server.baseUrls[0], known, alice.token)];
	const reports: Report[] = [];
	for (const attack of attacks) {
		reports.push(await carryOut(attack, { forMs: forMs / attacks.length, seed, maxMs }));
		attack.close();
	}
	// It is the same process, and does what it is for.
	await Promise.race([alice.get(`/conversations/${id}/messages`), server.process.failure()]);
	const took = reports.flatMap((report) => report.took).sort((a, b) => a - b);
	const failures = reports.flatMap(({ failure }) => failure ?? []);
	return { reports, medianMs: took[Math.floor(took.length / 2)] ?? 0, failures };
}
