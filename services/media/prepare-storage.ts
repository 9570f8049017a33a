import {
	CreateBucketCommand,
	DeleteObjectCommand,
	ListObjectsV2Command,
	PutBucketCorsCommand,
	PutObjectCommand,
	type S3Client,
} from "@aws-sdk/client-s3";
import type { Config } from "../../lib/config/config.ts";
import { connect, hasBucket } from "../../mixins/storage.ts";

/** What of the settings says where images are kept, and who may fetch them. */
export interface StorageSettings extends Pick<Config, "s3" | "corsOrigins" | "appUrl"> {
	media: Pick<Config["media"], "keyPrefix">;
}

/** The storage refuses what will be needed. The message is one line and shows no key. */
export class StorageError extends Error {
	override name = "StorageError";
}

/** After which a storage that says nothing counts as away. */
const timeoutMs = 10_000;

/**
 * Makes the bucket if there is none, and tries what will be needed: so that a wrong setting is met at the start and not by
 * the first user. A bucket that is there is left as it is. Resolves with one line that says why, when the storage does not answer
 * now: that is no reason to keep people from writing texts (docs/adr/0013).
 * @throws {StorageError} when it answers, and refuses
 */
export async function prepareStorage(
	{ s3, media, corsOrigins, appUrl }: StorageSettings,
	signal = new AbortController().signal,
): Promise<string | undefined> {
	if (!hasBucket(s3)) return undefined;
	const client = connect(s3, s3.endpoint);
	const Bucket = s3.bucket;
	const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
	try {
		try {
			await client.send(new ListObjectsV2Command({ Bucket, Prefix: media.keyPrefix, MaxKeys: 1 }), { abortSignal });
		} catch (error) {
			if ((error as { name?: unknown }).name !== "NoSuchBucket") throw error;
			await createBucket(client, Bucket, corsOrigins.length > 0 ? corsOrigins : [appUrl], abortSignal);
		}
		const Key = `${media.keyPrefix}check-${process.pid}`;
		await client.send(new PutObjectCommand({ Bucket, Key, Body: "check" }), { abortSignal });
		await client.send(new DeleteObjectCommand({ Bucket, Key }), { abortSignal });
		return undefined;
	} catch (error) {
		const place = s3.endpoint ? `${Bucket} at ${s3.endpoint}` : `${Bucket} at AWS`;
		if (isRefusal(error)) throw new StorageError(`The S3 bucket ${place} cannot be used: ${reasonOf(error)}`, { cause: error });
		return `The S3 bucket ${place} cannot be reached: ${reasonOf(error)}`;
	} finally {
		client.destroy();
	}
}

/** Several nodes may do this at once: whoever comes later finds a bucket, with the rules that it wants to set too. */
async function createBucket(client: S3Client, Bucket: string, origins: string[], abortSignal: AbortSignal): Promise<void> {
	const rule = { AllowedOrigins: origins, AllowedMethods: ["GET", "HEAD", "PUT"], AllowedHeaders: ["*"], MaxAgeSeconds: 3600 };
	const cors = new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [rule] } });
	await client.send(new CreateBucketCommand({ Bucket }), { abortSignal }).catch(unless(isConflict));
	// MinIO answers browsers of every origin by itself and takes no rules.
	await client.send(cors, { abortSignal }).catch(unless((error) => isConflict(error) || nameOf(error) === "NotImplemented"));
}

function unless(isHarmless: (error: unknown) => boolean): (error: unknown) => void {
	return (error) => {
		if (!isHarmless(error)) throw error;
	};
}

/**
 * BucketAlreadyOwnedByYou, BucketAlreadyExists (s3rver; on AWS it is somebody else's, which the next request is told), or
 * OperationAborted: somebody is doing the same at this moment.
 */
const isConflict = (error: unknown) => statusOf(error) === 409;

/** An answer that will not change by itself: the wrong key, no right, no such bucket. */
function isRefusal(error: unknown): boolean {
	const status = statusOf(error);
	return status !== undefined && status >= 300 && status < 500 && !passing.has(status);
}

/** Too slow, in conflict with another request, too many requests. */
const passing = new Set([408, 409, 429]);

const nameOf = (error: unknown) => (error as { name?: unknown }).name;

const statusOf = (error: unknown) => (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

function reasonOf(error: unknown): string {
	const { name, code, message } = error as Error & { code?: unknown };
	const what = code ?? (name === "Error" ? undefined : name);
	return [what, (message || `status ${statusOf(error)}`).split("\n", 1)[0]].filter(Boolean).join(": ");
}
