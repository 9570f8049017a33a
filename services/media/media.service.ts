import { callerOf } from "../../lib/access.ts";
import { ParleyError } from "../../lib/errors.ts";
import { every, type Repeated } from "../../lib/every.ts";
import { crud, type WithModel } from "../../mixins/crud.ts";
import { checkDatabase, database, type WithDatabase } from "../../mixins/database.ts";
import { type Storage, storage } from "../../mixins/storage.ts";
import { callsOf } from "../contracts.ts";
import { signImages } from "../image-urls.ts";
import { defineService } from "../service.ts";
import { claim, release } from "./claim.ts";
import { cleanUp } from "./clean-up.ts";
import { confirm } from "./confirm.ts";
import { Darkroom } from "./darkroom.ts";
import { FairQueue } from "./fair-queue.ts";
import { get } from "./get.ts";
import { type ImageRow, imageTable } from "./image.model.ts";
import type { Image, StoredImage } from "./media.contract.ts";
import { prepareWhenBack } from "./prepare.ts";
import { reconcile } from "./reconcile.ts";
import { doom, remove } from "./remove.ts";
import { requestUpload } from "./request-upload.ts";

interface This extends WithDatabase, WithModel<ImageRow> {
	storage: Storage;
	darkroom: Darkroom;
	turns: FairQueue;
	keyPrefix: string;
	scanCommand: string | undefined;
	/** Confirmations that run here, by image. */
	confirming: Map<string, Promise<StoredImage>>;
	/** From `started` on. */
	sweep: Repeated | undefined;
	stopping: AbortController;
	preparing: Promise<void>;
}

/** How many uploads a process lets wait, each for less than half a second of work. */
const maxWaiting = 20;

/** Reading, scanning and rendering an upload may take longer than other calls. */
const confirmTimeoutMs = 30_000;

const sweepIntervalMs = 10 * 60_000;

/** Of two who confirm the same image here, the second gets what the first gets. */
function confirmOnce(service: This, conversationId: string, imageId: string): Promise<StoredImage> {
	const { confirming } = service;
	const key = `${conversationId} ${imageId}`;
	const running = confirming.get(key) ?? confirm(service, conversationId, imageId).finally(() => confirming.delete(key));
	confirming.set(key, running);
	return running;
}

async function sign(storage: Storage, image: StoredImage): Promise<Image> {
	const [signed] = await signImages(storage, [image]);
	return signed as Image;
}

export default defineService<"media", This>("media", {
	mixins: [crud(imageTable), database, storage],
	actions: {
		requestUpload: {
			async handler(ctx) {
				const upload = await requestUpload(this, this.storage, this.keyPrefix, callerOf(ctx).id, ctx.params);
				ctx.meta.$statusCode = 201;
				ctx.meta.$location = `/images/${upload.imageId}`;
				return upload;
			},
		},
		confirm: {
			timeout: confirmTimeoutMs,
			async handler(ctx) {
				return sign(this.storage, await confirmOnce(this, ctx.params.conversationId, ctx.params.imageId));
			},
		},
		get: {
			async handler(ctx) {
				return sign(this.storage, await get(this.db, ctx.params.imageId));
			},
		},
		delete: {
			async handler(ctx) {
				const doomed = await doom(this.db, ctx.params.imageId);
				if (!doomed) throw new ParleyError("NOT_FOUND");
				await remove(this.db, this.storage, ctx, doomed).catch((error: unknown) => {
					this.logger.warn(`Image ${doomed.id} will be deleted later:`, error);
				});
				ctx.meta.$statusCode = 204;
				return null;
			},
		},
		claim: {
			handler(ctx) {
				return claim(this.db, ctx.params);
			},
		},
		release: {
			async handler(ctx) {
				await release(this.db, ctx.params.imageId, ctx.params.clientId);
				return null;
			},
		},
		locate: {
			async handler(ctx) {
				const row = await this.model.findByPk(ctx.params.imageId, { attributes: ["conversationId", "uploaderId"] });
				if (!row) throw new ParleyError("NOT_FOUND");
				const { conversationId, uploaderId } = row.get();
				return { conversationId, uploaderId };
			},
		},
		sign: {
			handler(ctx) {
				return signImages(this.storage, ctx.params.images);
			},
		},
		cleanUp: {
			timeout: 0,
			handler() {
				return cleanUp({
					db: this.db,
					storage: this.storage,
					keyPrefix: this.keyPrefix,
					calls: callsOf(this.broker),
					logger: this.logger,
				});
			},
		},
		reconcile: {
			timeout: 0,
			handler(ctx) {
				return reconcile(this, ctx.params.minAgeMinutes);
			},
		},
		health: {
			async handler() {
				await this.storage.check();
				return checkDatabase(this.db);
			},
		},
	},
	created() {
		const { media } = this.broker.config;
		if (!this.storage) throw new Error("The service media needs an S3 bucket: set S3_BUCKET.");
		this.darkroom = new Darkroom();
		this.keyPrefix = media.keyPrefix;
		this.turns = new FairQueue({ concurrency: media.concurrency, maxWaiting });
		this.scanCommand = media.scanCommand;
		this.confirming = new Map();
	},
	async started() {
		this.stopping = new AbortController();
		this.preparing = prepareWhenBack(this.storage, this.broker.config, this.logger, this.stopping.signal);
		this.sweep = every(
			sweepIntervalMs,
			async () => {
				await this.db.exclusively("media.cleanUp", () => callsOf(this.broker).call("media.cleanUp", {}));
			},
			(error) => this.logger.warn("Could not clean up images:", error),
		);
	},
	async stopped() {
		// Nobody waits for a clean-up, which may take long: another node, or the next start, does the rest.
		void this.sweep?.stop();
		this.stopping?.abort();
		await this.preparing;
		await Promise.allSettled(this.confirming.values());
		await this.darkroom.close();
	},
});
