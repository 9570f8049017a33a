import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { RestClient } from "../../client/rest.ts";
import type { Message } from "../../client/types.ts";
import type { Target } from "../../testing/target.ts";
import { codeOf, passing, retryMs } from "./retry.ts";

/** An image that was uploaded and confirmed, and what its uploader was told of it since. */
export interface Picture {
	imageId: string;
	clientId: string;
	message?: Message;
	deleted: boolean;
}

/** Every so many images one is not sent, and one is deleted: in the first case whether or not it was sent. */
const [unsentEvery, deletedEvery] = [5, 3];

/** Somebody who uploads, sends and deletes images, one after the other, and repeats what fails; a failed upload is given up. */
export class Photographer {
	readonly pictures: Picture[] = [];
	/** Error code → how often something was answered with it and then repeated or given up. */
	readonly refusals: Record<string, number> = {};
	/** Errors that no repetition cures. */
	readonly failures: string[] = [];
	readonly conversationId: string;
	readonly rest: RestClient;
	readonly #photo: Blob;
	#shooting = true;

	static async arrive(target: Target, photo: Blob): Promise<Photographer> {
		const platform = new RestClient({ baseUrl: target.baseUrls[0], token: await target.platformToken() });
		const [applicantId, employerId] = [`user-${randomUUID()}`, `user-${randomUUID()}`];
		for (const id of [applicantId, employerId]) await platform.putUser(id, { name: `Person ${id}` });
		const jobApplicationId = `application-${randomUUID()}`;
		await platform.putApplication(jobApplicationId, { applicantId, employerId, jobTitle: "Photographer", status: "APPLIED" });
		const rest = new RestClient({ baseUrl: target.baseUrls[0], token: await target.userToken(applicantId) });
		const { id } = await rest.createConversation(jobApplicationId);
		return new Photographer(id, rest, photo);
	}

	private constructor(conversationId: string, rest: RestClient, photo: Blob) {
		this.conversationId = conversationId;
		this.rest = rest;
		this.#photo = photo;
	}

	/** Resolves when the last image that was begun before `stop` is dealt with. */
	async shoot(): Promise<void> {
		for (let index = 0; this.#shooting; index++) {
			const picture = await this.#upload();
			if (!picture) continue;
			this.pictures.push(picture);
			if (index % unsentEvery !== 0) await this.#send(picture);
			if (index % deletedEvery === 0) await this.#delete(picture);
		}
	}

	stop(): void {
		this.#shooting = false;
	}

	async #upload(): Promise<Picture | undefined> {
		try {
			const { id } = await this.rest.uploadImage(this.conversationId, this.#photo, "photo.jpg");
			return { imageId: id, clientId: randomUUID(), deleted: false };
		} catch (error) {
			this.#note("an upload", error);
			await delay(retryMs);
			return undefined;
		}
	}

	async #send(picture: Picture): Promise<void> {
		const { imageId, clientId } = picture;
		await this.#insist("a send", async () => {
			picture.message = await this.rest.sendMessage(this.conversationId, { clientId, type: "IMAGE", imageId });
		});
	}

	async #delete(picture: Picture): Promise<void> {
		let asked = false;
		await this.#insist("a deletion", async () => {
			try {
				await this.rest.deleteImage(picture.imageId);
			} catch (error) {
				// An attempt that got no answer may have been the one.
				if (!asked || codeOf(error) !== "NOT_FOUND") throw error;
			} finally {
				asked = true;
			}
			picture.deleted = true;
		});
	}

	async #insist(what: string, attempt: () => Promise<void>): Promise<void> {
		for (;;) {
			try {
				return await attempt();
			} catch (error) {
				if (!this.#note(what, error)) return;
				await delay(retryMs);
			}
		}
	}

	/** Whether it may pass. */
	#note(what: string, error: unknown): boolean {
		const code = codeOf(error);
		if (passing.has(code)) this.refusals[code] = (this.refusals[code] ?? 0) + 1;
		else this.failures.push(`${what} was answered with ${code}`);
		return passing.has(code);
	}
}
