import type { Studio, UploadRow } from "./confirm.ts";
import { maxUploadBytes, type RejectionReason } from "./media.contract.ts";
import type { Renditions } from "./render.ts";
import { scan } from "./scan.ts";

/** Looks at what was uploaded and makes an image of it. */
export async function verify(studio: Studio, upload: UploadRow): Promise<Renditions | { rejected: RejectionReason }> {
	const { renderer, scanCommand } = studio;
	const bytes = await fetchUpload(studio, upload);
	if ("rejected" in bytes) return bytes;
	if (scanCommand && (await scan(scanCommand, bytes)) === "infected") return { rejected: "INFECTED" };
	return renderer.render(bytes);
}

/** Its size is asked first: what is too large is not fetched. */
async function fetchUpload({ storage }: Studio, upload: UploadRow): Promise<Buffer | { rejected: RejectionReason }> {
	const sizeBytes = await storage.size(upload.upload_key);
	if (sizeBytes === undefined) return { rejected: "NOT_UPLOADED" };
	if (sizeBytes > maxUploadBytes) return { rejected: "TOO_LARGE" };
	if (sizeBytes !== upload.file_size_bytes) return { rejected: "SIZE_MISMATCH" };
	return (await storage.get(upload.upload_key)) ?? { rejected: "NOT_UPLOADED" };
}
