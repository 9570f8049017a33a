import type { Config } from "../lib/config/config.ts";

/** The image storage as environment variables. */
export function storageEnv({ endpoint, bucket, accessKeyId, secretAccessKey }: Config["s3"]): Record<string, string> {
	return {
		S3_ENDPOINT: String(endpoint),
		S3_BUCKET: String(bucket),
		S3_ACCESS_KEY_ID: String(accessKeyId),
		S3_SECRET_ACCESS_KEY: String(secretAccessKey),
	};
}

/** A storage that does not exist. Signing URLs sends no requests, so it is enough for tests of that. */
export const silentStorage = storageEnv({
	endpoint: "http://127.0.0.1:9",
	bucket: "parley",
	accessKeyId: "parley",
	secretAccessKey: "a secret of the tests",
});
