import sharp from "sharp";
import { type Answer, develop, type Job } from "./develop.ts";
import { ScanTimeout } from "./scan.ts";

/**
 * The process in which images are decoded, one at a time: decoders are native code fed by strangers. No image ever passes
 * through the process that started it. It ends with its parent.
 */
sharp.concurrency(1);
sharp.cache(false);
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({ operation: ["VipsForeignLoadJpegBuffer", "VipsForeignLoadPngBuffer", "VipsForeignLoadWebpBuffer"] });

// A Ctrl-C in a terminal is for all its processes: the parent decides when we end.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());
process.on("message", async (job: Job) => {
	process.send?.(await develop(job).catch(told));
});

function told(error: Error): Answer {
	return error instanceof ScanTimeout ? { tookTooLong: error.message } : { failed: error.message };
}
