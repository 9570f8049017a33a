import type { Config } from "../lib/config.ts";

/** Where images are kept, as the environment says it. */
export function storageEnv({ endpoint, bucket, accessKeyId, secretAccessKey }: Config["s3"]): Record<string, string> {
	return {
		S3_ENDPOINT: String(endpoint),
		S3_BUCKET: String(bucket),
		S3_ACCESS_KEY_ID: String(accessKeyId),
		S3_SECRET_ACCESS_KEY: String(secretAccessKey),
	};
}

/** A storage that nobody asks anything: enough to be told where to upload. */
export const silentStorage = storageEnv({
	endpoint: "http://127.0.0.1:9",
	bucket: "parley",
	accessKeyId: "parley",
	secretAccessKey: "a secret of the tests",
});
