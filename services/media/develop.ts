import type { ImageType, RejectionReason } from "./media.contract.ts";
import { type Renditions, render } from "./render.ts";
import { scan } from "./scan.ts";

/** What the image process is asked for. URLs for just this upload and these objects, no keys. */
export interface Job {
	uploadUrl: string;
	/** As declared. */
	sizeBytes: number;
	scanCommand: string | undefined;
	/** Where to PUT what comes of it. */
	targets: Record<"original" | "preview" | "thumbnail", string>;
	/** What downloads are called, without an ending. */
	filename: string;
}

/** An image whose objects are stored. */
export interface Developed {
	mimeType: ImageType;
	width: number;
	height: number;
	/** Of the original as stored. */
	fileSizeBytes: number;
	placeholder: string;
}

/** What the image process answers: an outcome, a failure of the storage or the scanner, or that the scanner found no end. */
export type Answer = Developed | { rejected: RejectionReason } | { failed: string } | { tookTooLong: string };

/** A storage that accepts a connection and says nothing is away. */
const storageTimeoutMs = 8_000;

/** Fetches an upload, has it scanned, makes its renditions and stores them. Throws when that is not the upload's fault. */
export async function develop(job: Job): Promise<Developed | { rejected: RejectionReason }> {
	const bytes = await fetchUpload(job.uploadUrl);
	if (!bytes) return { rejected: "NOT_UPLOADED" };
	if (bytes.length !== job.sizeBytes) return { rejected: "SIZE_MISMATCH" };
	if (job.scanCommand && (await scan(job.scanCommand, bytes)) === "infected") return { rejected: "INFECTED" };
	const renditions = await render(bytes);
	if ("rejected" in renditions) return renditions;
	await store(job, renditions);
	const { mimeType, width, height, original, placeholder } = renditions;
	return { mimeType, width, height, fileSizeBytes: original.length, placeholder };
}

async function fetchUpload(url: string): Promise<Buffer | undefined> {
	const response = await fetch(url, { signal: AbortSignal.timeout(storageTimeoutMs) });
	if (response.status === 404) return undefined;
	if (!response.ok) throw new Error(`The upload cannot be fetched: status ${response.status}`);
	return Buffer.from(await response.arrayBuffer());
}

async function store({ targets, filename }: Job, { mimeType, original, preview, thumbnail }: Renditions): Promise<void> {
	await Promise.all([
		put(targets.original, original, mimeType, filename),
		put(targets.preview, preview, "image/webp", `${filename}-preview`),
		put(targets.thumbnail, thumbnail, "image/webp", `${filename}-thumbnail`),
	]);
}

const endings: Record<ImageType, string> = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp" };

async function put(url: string, body: Buffer, mimeType: ImageType, filename: string): Promise<void> {
	const headers = {
		"Content-Type": mimeType,
		"Content-Disposition": `inline; filename="${filename}.${endings[mimeType]}"`,
		// Nothing is ever stored again under its key.
		"Cache-Control": "private, max-age=31536000, immutable",
	};
	const signal = AbortSignal.timeout(storageTimeoutMs);
	const response = await fetch(url, { method: "PUT", headers, body: new Uint8Array(body), signal });
	await response.arrayBuffer();
	if (!response.ok) throw new Error(`A rendition cannot be stored: status ${response.status}`);
}
