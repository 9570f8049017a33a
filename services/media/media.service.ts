import { callerOf } from "../../lib/access.ts";
import { every, type Repeated } from "../../lib/every.ts";
import { crud, type WithModel } from "../../mixins/crud.ts";
import { checkDatabase, database, type WithDatabase } from "../../mixins/database.ts";
import { type Storage, storage } from "../../mixins/storage.ts";
import { type Calls, callsOf } from "../contracts.ts";
import { signImage, signImages } from "../image-urls.ts";
import { defineService } from "../service.ts";
import { claimImage, releaseImage } from "./claim-image.ts";
import { cleanUp } from "./clean-up.ts";
import { confirmOnce } from "./confirm-upload.ts";
import { deleteImage } from "./delete-image.ts";
import { FairQueue } from "./fair-queue.ts";
import { getImage } from "./get-image.ts";
import { type ImageRow, imageTable } from "./image.model.ts";
import { ImageWorkers } from "./image-workers.ts";
import { locateImage } from "./locate-image.ts";
import type { StoredImage } from "./media.contract.ts";
import { prepareStorageLater } from "./prepare-storage.ts";
import { reconcile } from "./reconcile.ts";
import { requestUpload } from "./request-upload.ts";

interface This extends WithDatabase, WithModel<ImageRow> {
	storage: Storage;
	keyPrefix: string;
	scanCommand: string | undefined;
	imageWorkers: ImageWorkers;
	confirmQueue: FairQueue;
	/** The confirmations that this process runs, by image. */
	confirming: Map<string, Promise<StoredImage>>;
	calls: Calls;
	/** Undefined before `started`. */
	sweep: Repeated | undefined;
	stopping: AbortController;
	preparing: Promise<void>;
}

/** How many confirmations wait in a process. Each takes less than half a second of work. */
const maxWaiting = 20;

/** Reading, scanning and rendering an upload may take longer than other calls. */
const confirmTimeoutMs = 30_000;

const sweepIntervalMs = 10 * 60_000;

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
				return signImage(this.storage, await confirmOnce(this, ctx.params.conversationId, ctx.params.imageId));
			},
		},
		get: {
			async handler(ctx) {
				return signImage(this.storage, await getImage(this.db, ctx.params.imageId));
			},
		},
		delete: {
			async handler(ctx) {
				await deleteImage(this, ctx, ctx.params.imageId);
				ctx.meta.$statusCode = 204;
				return null;
			},
		},
		claim: {
			handler(ctx) {
				return claimImage(this.db, ctx.params);
			},
		},
		release: {
			async handler(ctx) {
				await releaseImage(this.db, ctx.params.imageId, ctx.params.clientId);
				return null;
			},
		},
		locate: {
			handler(ctx) {
				return locateImage(this, ctx.params.imageId);
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
				return cleanUp(this);
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
		this.keyPrefix = media.keyPrefix;
		this.scanCommand = media.scanCommand;
		this.imageWorkers = new ImageWorkers();
		this.confirmQueue = new FairQueue({ concurrency: media.concurrency, maxWaiting });
		this.confirming = new Map();
		this.calls = callsOf(this.broker);
	},
	async started() {
		this.stopping = new AbortController();
		this.preparing = prepareStorageLater(this.storage, this.broker.config, this.logger, this.stopping.signal);
		this.sweep = every(
			sweepIntervalMs,
			async () => {
				await this.db.exclusively("media.cleanUp", () => this.calls.call("media.cleanUp", {}));
			},
			(error) => this.logger.warn("Could not clean up images:", error),
		);
	},
	async stopped() {
		// A clean-up may take long and is not waited for: another node, or the next start, does the rest.
		void this.sweep?.stop();
		this.stopping?.abort();
		await this.preparing;
		await Promise.allSettled(this.confirming.values());
		await this.imageWorkers.close();
	},
});
