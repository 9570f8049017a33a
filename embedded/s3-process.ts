import { EmbeddedError } from "./error.ts";
import { serveS3 } from "./s3-server.ts";

/** The only message of the process to its parent. */
export type S3Answer = { s3: Awaited<ReturnType<typeof serveS3>> } | { problem: string };

// Ctrl-C in a terminal signals all its processes. The parent decides when this one ends.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());

const [dataDir = "", port] = process.argv.slice(2);

const answer: S3Answer = await serveS3(dataDir, port === undefined ? undefined : Number(port)).then(
	(s3) => ({ s3 }),
	(error: unknown) => {
		if (error instanceof EmbeddedError) return { problem: error.message };
		throw error;
	},
);
process.send?.(answer);
