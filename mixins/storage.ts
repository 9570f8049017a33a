import {
	DeleteObjectCommand,
	GetObjectCommand,
	HeadBucketCommand,
	HeadObjectCommand,
	ListObjectsV2Command,
	PutObjectCommand,
	S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { Service, ServiceSchema } from "moleculer";
import type { Config } from "../lib/config/config.ts";
import { ParleyError } from "../lib/errors.ts";
import { earlier, UrlSigner } from "../lib/url-signer.ts";
import { SharedResource } from "./shared-resource.ts";

type S3 = Config["s3"];
type S3WithBucket = S3 & { bucket: string };

/** An object in a listing. */
export interface ListedObject {
	key: string;
	modifiedAt: Date;
}

/** The bucket for images. A request that fails or takes too long throws UNAVAILABLE. */
export class Storage {
	readonly #bucket: string;
	readonly #client: S3Client;
	/** Has the endpoint that clients use. It signs URLs and sends no requests. */
	readonly #publicClient: S3Client;
	readonly #ownSigner: () => Promise<UrlSigner>;
	/** Signs URLs for clients without a request to the store. It awaits only credentials, which the SDK caches and renews. */
	readonly signer: () => Promise<UrlSigner>;

	constructor(s3: S3WithBucket) {
		this.#bucket = s3.bucket;
		this.#client = connect(s3, s3.endpoint);
		this.#publicClient = connect(s3, s3.publicEndpoint ?? s3.endpoint);
		this.#ownSigner = signerOf(this.#client, s3.bucket);
		this.signer = signerOf(this.#publicClient, s3.bucket);
	}

	/** A URL to which a client may PUT an object of exactly this type and size, and when the URL expires. */
	async presignUpload(
		key: string,
		type: { mimeType: string; sizeBytes: number },
		ttlSeconds: number,
	): Promise<{ url: string; expiresAt: Date }> {
		const command = new PutObjectCommand({
			Bucket: this.#bucket,
			Key: key,
			ContentType: type.mimeType,
			ContentLength: type.sizeBytes,
		});
		const signableHeaders = new Set(["content-type", "content-length", "host"]);
		const signingDate = new Date();
		// Read before the SDK signs. If it renews the credentials in between, the URL is valid longer than we say, never shorter.
		const { expiration } = await available(this.#publicClient.config.credentials());
		const url = await available(
			getSignedUrl(this.#publicClient, command, { signingDate, expiresIn: ttlSeconds, signableHeaders }),
		);
		return { url, expiresAt: earlier(new Date(signingDate.getTime() + ttlSeconds * 1000), expiration) };
	}

	/** A URL with which one of our own processes may read or write this one object. */
	async presign(method: "GET" | "PUT", key: string, ttlSeconds: number): Promise<string> {
		return (await this.#ownSigner()).sign(method, key, new Date(), ttlSeconds);
	}

	/** The size of an object in bytes, undefined when there is no such object. Throws UNAVAILABLE when `signal` aborts. */
	async size(key: string, signal?: AbortSignal): Promise<number | undefined> {
		const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: key });
		const head = await available(this.#client.send(command, { ...(signal && { abortSignal: signal }) }), isNoSuchObject);
		return head?.ContentLength;
	}

	/** An object that does not exist counts as deleted. */
	async delete(keys: string[], signal?: AbortSignal): Promise<void> {
		// One request an object: not every store supports the SDK's bulk request.
		const commands = keys.map((key) => new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
		await available(
			Promise.all(commands.map((command) => this.#client.send(command, { ...(signal && { abortSignal: signal }) }))),
			isNoSuchObject,
		);
	}

	/** All objects whose keys begin with `prefix`, in the order of their keys. */
	async *list(prefix: string): AsyncGenerator<ListedObject> {
		let token: string | undefined;
		do {
			const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token });
			const page = await available(this.#client.send(command));
			for (const { Key, LastModified } of page.Contents ?? []) {
				if (Key && LastModified) yield { key: Key, modifiedAt: LastModified };
			}
			token = page.NextContinuationToken;
		} while (token);
	}

	async check(signal?: AbortSignal): Promise<void> {
		const command = new HeadBucketCommand({ Bucket: this.#bucket });
		await available(this.#client.send(command, { ...(signal && { abortSignal: signal }) }));
	}

	close(): void {
		this.#client.destroy();
		this.#publicClient.destroy();
	}
}

/** What the mixin adds to a service. */
export interface WithStorage extends Service {
	/** Undefined on a node without settings for the image storage. */
	storage: Storage | undefined;
}

const shared = new SharedResource(
	({ config: { s3 } }) => (hasBucket(s3) ? new Storage(s3) : undefined),
	(storage) => storage?.close(),
);

/** Gives a service `this.storage` from `created` to `stopped`. All services of a process share one client. */
export const storage: Partial<ServiceSchema> = {
	created(this: Service) {
		(this as WithStorage).storage = shared.acquire(this.broker);
	},
	stopped(this: Service) {
		return shared.release(this.broker);
	},
};

export function hasBucket(s3: S3): s3 is S3WithBucket {
	return s3.bucket !== undefined;
}

export function connect(s3: S3, endpoint: string | undefined): S3Client {
	const { region = endpoint && "us-east-1", accessKeyId, secretAccessKey, pathStyle = endpoint !== undefined } = s3;
	return new S3Client({
		...(endpoint && { endpoint }),
		...(region && { region }),
		...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey } }),
		forcePathStyle: pathStyle,
		// Not every store supports the checksums that the SDK adds by default.
		requestChecksumCalculation: "WHEN_REQUIRED",
		responseChecksumValidation: "WHEN_REQUIRED",
		requestHandler: { connectionTimeout: 2_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
	});
}

/** Returns the current signer of a client's bucket. It is made again when the SDK has renewed the credentials. */
function signerOf(client: S3Client, bucket: string): () => Promise<UrlSigner> {
	let current: { signer: UrlSigner; token: string } | undefined;
	return async () => {
		const credentials = await available(client.config.credentials());
		const token = `${credentials.secretAccessKey} ${credentials.sessionToken}`;
		if (current?.token !== token) {
			const signer = new UrlSigner(await baseUrl(client, bucket), await client.config.region(), credentials);
			current = { signer, token };
		}
		return current.signer;
	};
}

/** What the URL of every object begins with, taken from a URL of the SDK: it knows all endpoints and styles of AWS. */
async function baseUrl(client: S3Client, bucket: string): Promise<string> {
	const probe = "-";
	const url = new URL(await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: probe })));
	return url.origin + url.pathname.slice(0, -probe.length);
}

/** Rethrows a failure as UNAVAILABLE. A failure for which `isAbsent` is true becomes undefined. */
async function available<T>(request: Promise<T>): Promise<T>;
async function available<T>(request: Promise<T>, isAbsent: (error: unknown) => boolean): Promise<T | undefined>;
async function available<T>(request: Promise<T>, isAbsent?: (error: unknown) => boolean): Promise<T | undefined> {
	try {
		return await request;
	} catch (cause) {
		if (isAbsent?.(cause)) return undefined;
		throw new ParleyError("UNAVAILABLE", { message: "The image storage does not answer.", cause });
	}
}

function isNoSuchObject(error: unknown): boolean {
	const { name, $metadata } = error as { name?: unknown; $metadata?: { httpStatusCode?: number } };
	return name === "NoSuchKey" || (name !== "NoSuchBucket" && $metadata?.httpStatusCode === 404);
}
