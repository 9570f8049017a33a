import sharp from "sharp";
import { render } from "./render.ts";

/**
 * The process in which images are decoded, one at a time: decoders are native code fed by strangers. It ends with its parent.
 */
sharp.concurrency(1);
sharp.cache(false);
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({ operation: ["VipsForeignLoadJpegBuffer", "VipsForeignLoadPngBuffer", "VipsForeignLoadWebpBuffer"] });

process.on("disconnect", () => process.exit());
process.on("message", async (bytes: Uint8Array) => {
	process.send?.(await render(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
});
