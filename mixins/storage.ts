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
import type { Service, ServiceBroker, ServiceSchema } from "moleculer";
import type { Config } from "../lib/config/config.ts";
import { ParleyError } from "../lib/errors.ts";
import { earlier, UrlSigner } from "../lib/url-signer.ts";

type S3 = Config["s3"];
type S3WithBucket = S3 & { bucket: string };

/** An object as a listing shows it. */
export interface ListedObject {
	key: string;
	modifiedAt: Date;
}

/** The bucket. What cannot be done now fails with UNAVAILABLE. */
export class Storage {
	readonly #bucket: string;
	readonly #client: S3Client;
	/** For where clients reach the bucket; asks nothing. */
	readonly #publicClient: S3Client;
	readonly #ownSigner: () => Promise<UrlSigner>;
	/** Signs for clients without asking anybody; awaits only credentials, which the SDK remembers and renews. */
	readonly signer: () => Promise<UrlSigner>;

	constructor(s3: S3WithBucket) {
		this.#bucket = s3.bucket;
		this.#client = connect(s3, s3.endpoint);
		this.#publicClient = connect(s3, s3.publicEndpoint ?? s3.endpoint);
		this.#ownSigner = signerOf(this.#client, s3.bucket);
		this.signer = signerOf(this.#publicClient, s3.bucket);
	}

	/** Where, and until when, a client may PUT an object of exactly this type and size. */
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
		// Asked before the SDK signs: should it renew them in between, the URL lasts longer than we say, and not shorter.
		const { expiration } = await available(this.#publicClient.config.credentials());
		const url = await available(
			getSignedUrl(this.#publicClient, command, { signingDate, expiresIn: ttlSeconds, signableHeaders }),
		);
		return { url, expiresAt: earlier(new Date(signingDate.getTime() + ttlSeconds * 1000), expiration) };
	}

	/** What our own processes may do with one object, and nothing else. */
	async presign(method: "GET" | "PUT", key: string, ttlSeconds: number): Promise<string> {
		return (await this.#ownSigner()).sign(method, key, new Date(), ttlSeconds);
	}

	/** Its size; undefined when it is not there. UNAVAILABLE when `signal` says that it takes too long. */
	async size(key: string, signal?: AbortSignal): Promise<number | undefined> {
		const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: key });
		const head = await available(this.#client.send(command, { ...(signal && { abortSignal: signal }) }), absent);
		return head?.ContentLength;
	}

	/** Objects that are not there count as deleted. */
	async delete(keys: string[], signal?: AbortSignal): Promise<void> {
		// One by one: not every store takes the bulk request of today's SDK.
		const commands = keys.map((key) => new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
		await available(
			Promise.all(commands.map((command) => this.#client.send(command, { ...(signal && { abortSignal: signal }) }))),
			absent,
		);
	}

	/** In the order of their keys. */
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
	/** Undefined on a node that was not told where images are kept. */
	storage: Storage | undefined;
}

const shared = new WeakMap<ServiceBroker, { storage: Storage; users: number }>();

/** `this.storage` from `created` to `stopped`: one client a process, closed by the last service that uses it. */
export const storage: Partial<ServiceSchema> = {
	created(this: Service) {
		const { broker } = this;
		const { s3 } = broker.config;
		if (!hasBucket(s3)) return;
		const entry = shared.get(broker) ?? { storage: new Storage(s3), users: 0 };
		entry.users++;
		shared.set(broker, entry);
		(this as WithStorage).storage = entry.storage;
	},
	stopped(this: Service) {
		const entry = shared.get(this.broker);
		if (!entry || --entry.users > 0) return;
		shared.delete(this.broker);
		entry.storage.close();
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
		// The checksums that the SDK adds by default are not known to every store.
		requestChecksumCalculation: "WHEN_REQUIRED",
		responseChecksumValidation: "WHEN_REQUIRED",
		requestHandler: { connectionTimeout: 2_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
	});
}

/** The current signer of a client's bucket: another one when the SDK has renewed the credentials. */
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

/** What the URL of every object begins with. Asked of the SDK, which knows all of AWS's endpoints and styles. */
async function baseUrl(client: S3Client, bucket: string): Promise<string> {
	const probe = "-";
	const url = new URL(await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: probe })));
	return url.origin + url.pathname.slice(0, -probe.length);
}

/** What `absent` says of a failure's HTTP status; rethrows the others as UNAVAILABLE. */
async function available<T>(asked: Promise<T>): Promise<T>;
async function available<T>(asked: Promise<T>, absent: (error: unknown) => boolean): Promise<T | undefined>;
async function available<T>(asked: Promise<T>, isAbsent?: (error: unknown) => boolean): Promise<T | undefined> {
	try {
		return await asked;
	} catch (cause) {
		if (isAbsent?.(cause)) return undefined;
		throw new ParleyError("UNAVAILABLE", { message: "The image storage does not answer.", cause });
	}
}

function absent(error: unknown): boolean {
	const { name, $metadata } = error as { name?: unknown; $metadata?: { httpStatusCode?: number } };
	return name === "NoSuchKey" || (name !== "NoSuchBucket" && $metadata?.httpStatusCode === 404);
}
