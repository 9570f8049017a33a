import { setTimeout as delay } from "node:timers/promises";
import {
	CreateBucketCommand,
	DeleteObjectCommand,
	ListObjectsV2Command,
	PutBucketCorsCommand,
	PutObjectCommand,
	type S3Client,
} from "@aws-sdk/client-s3";
import type { Logger } from "moleculer";
import type { Config } from "../../lib/config.ts";
import { connect, hasBucket, type Storage } from "../../mixins/storage.ts";

/** The settings that say where images are kept and which web pages may fetch them. */
export interface StorageSettings extends Pick<Config, "s3" | "corsOrigins" | "appUrl"> {
	media: Pick<Config["media"], "keyPrefix">;
}

/** The storage refuses an operation that media needs. The message is one line and contains no credentials. */
export class StorageError extends Error {
	override name = "StorageError";
}

/** A storage that has not answered after this time counts as unavailable. */
const timeoutMs = 10_000;

/**
 * Makes the bucket if there is none, and tries the operations that media needs. So a wrong setting is found at the start and not by
 * the first user. An existing bucket is not changed. If the storage does not answer now, resolves with the reason in one line: people
 * can still write texts (docs/adr/0013).
 * @throws {StorageError} when the storage answers and refuses
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

const [minPauseMs, maxPauseMs] = [500, 30_000];

/**
 * Prepares the storage again and again until that works, if it was unavailable when the process started. A refusal is only logged
 * now: a process that serves messages does not end because of images. Resolves when the storage is ready or `signal` is aborted.
 */
export async function prepareStorageLater(
	storage: Storage,
	settings: StorageSettings,
	logger: Pick<Logger, "info" | "warn">,
	signal: AbortSignal,
): Promise<void> {
	if (await isAvailable(storage, signal)) return;
	let logged: string | undefined;
	for (let pauseMs = minPauseMs; !signal.aborted; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
		const problem = await prepareStorage(settings, signal).catch(({ message }: Error) => message);
		if (signal.aborted) return;
		if (problem === undefined) {
			if (logged !== undefined) logger.info("The image storage is ready.");
			return;
		}
		if (problem !== logged) logger.warn(`${problem}. Images are UNAVAILABLE until the storage can be used.`);
		logged = problem;
		await delay(pauseMs, undefined, { signal }).catch(() => {});
	}
}

async function isAvailable(storage: Storage, signal: AbortSignal): Promise<boolean> {
	try {
		await storage.check(signal);
		return true;
	} catch {
		return false;
	}
}

/** Several nodes may do this at once. The later ones find the bucket, and set the same rules again. */
async function createBucket(client: S3Client, Bucket: string, origins: string[], abortSignal: AbortSignal): Promise<void> {
	const rule = { AllowedOrigins: origins, AllowedMethods: ["GET", "HEAD", "PUT"], AllowedHeaders: ["*"], MaxAgeSeconds: 3600 };
	const cors = new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [rule] } });
	await client.send(new CreateBucketCommand({ Bucket }), { abortSignal }).catch(unless(isConflict));
	// MinIO allows every origin by default and does not accept rules.
	await client.send(cors, { abortSignal }).catch(unless((error) => isConflict(error) || nameOf(error) === "NotImplemented"));
}

function unless(isHarmless: (error: unknown) => boolean): (error: unknown) => void {
	return (error) => {
		if (!isHarmless(error)) throw error;
	};
}

/**
 * BucketAlreadyOwnedByYou; BucketAlreadyExists (from s3rver; on AWS the bucket has another owner, and the next request is refused);
 * or OperationAborted: another process makes the bucket at this moment.
 */
const isConflict = (error: unknown) => statusOf(error) === 409;

/** An answer that does not change by waiting: a wrong key, a missing right, no such bucket. */
function isRefusal(error: unknown): boolean {
	const status = statusOf(error);
	return status !== undefined && status >= 300 && status < 500 && !temporary.has(status);
}

/** Time-out, conflict with another request, too many requests. */
const temporary = new Set([408, 409, 429]);

const nameOf = (error: unknown) => (error as { name?: unknown }).name;

const statusOf = (error: unknown) => (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

function reasonOf(error: unknown): string {
	const { name, code, message } = error as Error & { code?: unknown };
	const what = code ?? (name === "Error" ? undefined : name);
	return [what, (message || `status ${statusOf(error)}`).split("\n", 1)[0]].filter(Boolean).join(": ");
}
