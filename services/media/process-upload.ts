import type { ImageType, RejectionReason } from "./media.contract.ts";
import { type Renditions, render } from "./render.ts";
import { scan } from "./scan.ts";

/** The job of an image process. It gets URLs for this upload and these objects only, and no credentials. */
export interface Job {
	uploadUrl: string;
	/** As the client declared. */
	sizeBytes: number;
	scanCommand: string | undefined;
	/** URLs to PUT the renditions to. */
	targets: Record<"original" | "preview" | "thumbnail", string>;
	/** The file name of downloads, without extension. */
	filename: string;
}

/** The properties of an image whose renditions are stored. */
export interface ProcessedImage {
	mimeType: ImageType;
	width: number;
	height: number;
	/** Of the stored original. */
	fileSizeBytes: number;
	placeholder: string;
}

/** The answer of an image process: a result, a failure of the storage or the scanner, or a time-out of the scanner. */
export type Answer = ProcessedImage | { rejected: RejectionReason } | { failed: string } | { timedOut: string };

/** A storage that accepts a connection but does not answer counts as failed. */
const storageTimeoutMs = 8_000;

/** Fetches an upload, scans it, makes its renditions and stores them. Throws when the storage or the scanner fails. */
export async function processUpload(job: Job): Promise<ProcessedImage | { rejected: RejectionReason }> {
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

const extensions: Record<ImageType, string> = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp" };

async function put(url: string, body: Buffer, mimeType: ImageType, filename: string): Promise<void> {
	const headers = {
		"Content-Type": mimeType,
		"Content-Disposition": `inline; filename="${filename}.${extensions[mimeType]}"`,
		// An object is never replaced by another under the same key.
		"Cache-Control": "private, max-age=31536000, immutable",
	};
	const signal = AbortSignal.timeout(storageTimeoutMs);
	const response = await fetch(url, { method: "PUT", headers, body: new Uint8Array(body), signal });
	await response.arrayBuffer();
	if (!response.ok) throw new Error(`A rendition cannot be stored: status ${response.status}`);
}
