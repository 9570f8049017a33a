import sharp from "sharp";
import { type Answer, type Job, processUpload } from "./process-upload.ts";
import { ScanTimeout } from "./scan.ts";

/**
 * The program of an image process. It decodes one image at a time. Decoders are native code that works on files from strangers, so
 * the process that serves messages never handles the bytes of an image. An image process ends with its parent.
 */
sharp.concurrency(1);
sharp.cache(false);
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({ operation: ["VipsForeignLoadJpegBuffer", "VipsForeignLoadPngBuffer", "VipsForeignLoadWebpBuffer"] });

// Ctrl-C in a terminal signals all its processes. The parent decides when this one ends.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());
process.on("message", async (job: Job) => {
	process.send?.(await processUpload(job).catch(toAnswer));
});

function toAnswer(error: Error): Answer {
	return error instanceof ScanTimeout ? { timedOut: error.message } : { failed: error.message };
}
