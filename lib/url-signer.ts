import { createHmac, hash } from "node:crypto";

export interface SigningCredentials {
	accessKeyId: string;
	secretAccessKey: string;
	sessionToken?: string | undefined;
	/** Temporary credentials only. After this time, all URLs that were signed with them are invalid. */
	expiration?: Date | undefined;
}

/**
 * Presigns URLs for GET and PUT by AWS Signature Version 4 (query parameters, UNSIGNED-PAYLOAD). The AWS SDK makes the same URLs,
 * but runs all its middleware for each of them, and a page of history needs up to 150. The only signed header is `host`; for an
 * upload with a fixed type and size, use the SDK (`Storage.presignUpload`).
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export class UrlSigner {
	readonly #base: URL;
	readonly #region: string;
	readonly #credentials: SigningCredentials;
	#day = "";
	#dayKey: Buffer = Buffer.alloc(0);

	/** `base`: the beginning of the URL of every object, up to and including the slash before its key. */
	constructor(base: string, region: string, credentials: SigningCredentials) {
		this.#base = new URL(base);
		this.#region = region;
		this.#credentials = credentials;
	}

	/** `key` may contain only characters that need no encoding in a URL. The URL is valid for `ttlSeconds` from `at` on. */
	sign(method: "GET" | "PUT", key: string, at: Date, ttlSeconds: number): string {
		const time = at.toISOString().replace(/[-:]|\.\d+/g, "");
		const day = time.slice(0, 8);
		const scope = `${day}/${this.#region}/s3/aws4_request`;
		const { accessKeyId, sessionToken } = this.#credentials;
		const query = [
			"X-Amz-Algorithm=AWS4-HMAC-SHA256",
			`X-Amz-Credential=${encode(`${accessKeyId}/${scope}`)}`,
			`X-Amz-Date=${time}`,
			`X-Amz-Expires=${ttlSeconds}`,
			...(sessionToken ? [`X-Amz-Security-Token=${encode(sessionToken)}`] : []),
			"X-Amz-SignedHeaders=host",
		].join("&");
		const path = this.#base.pathname + key;
		const request = `${method}\n${path}\n${query}\nhost:${this.#base.host}\n\nhost\nUNSIGNED-PAYLOAD`;
		const toSign = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash("sha256", request)}`;
		const signature = createHmac("sha256", this.#keyOf(day)).update(toSign).digest("hex");
		return `${this.#base.origin}${path}?${query}&X-Amz-Signature=${signature}`;
	}

	/** When a URL that was signed for `ttlSeconds` from `at` on becomes invalid: at the latest when its credentials expire. */
	expiryOf(at: Date, ttlSeconds: number): Date {
		return earlier(new Date(at.getTime() + ttlSeconds * 1000), this.#credentials.expiration);
	}

	#keyOf(day: string): Buffer {
		if (day !== this.#day) {
			const parts = [day, this.#region, "s3", "aws4_request"];
			const secret = Buffer.from(`AWS4${this.#credentials.secretAccessKey}`);
			this.#dayKey = parts.reduce<Buffer>((key, part) => createHmac("sha256", key).update(part).digest(), secret);
			this.#day = day;
		}
		return this.#dayKey;
	}
}

export function earlier(a: Date, b: Date | undefined): Date {
	return b && b < a ? b : a;
}

/** Percent-encoding as AWS requires it: every character except A-Z a-z 0-9 - . _ ~ is encoded. */
function encode(text: string): string {
	return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
