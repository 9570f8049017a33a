import { createHmac, hash } from "node:crypto";

export interface SigningCredentials {
	accessKeyId: string;
	secretAccessKey: string;
	sessionToken?: string | undefined;
	/** Of temporary credentials: from then on no URL works that they signed. */
	expiration?: Date | undefined;
}

/**
 * Presigned URLs by AWS Signature Version 4 (query parameters, UNSIGNED-PAYLOAD). The AWS SDK makes the same ones, but runs its
 * whole middleware for each: a page of history needs 150.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export class UrlSigner {
	readonly #base: URL;
	readonly #region: string;
	readonly #credentials: SigningCredentials;
	#day = "";
	#dayKey: Buffer = Buffer.alloc(0);

	/** `base`: what the URL of every object begins with, up to the slash before its key. */
	constructor(base: string, region: string, credentials: SigningCredentials) {
		this.#base = new URL(base);
		this.#region = region;
		this.#credentials = credentials;
	}

	/** `key` must need no encoding in a URL. Valid for `ttlSeconds` from `at` on. */
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

	/** When a URL ends that was signed for `ttlSeconds` from `at` on: with its credentials at the latest. */
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

export function earlier(one: Date, other: Date | undefined): Date {
	return other && other < one ? other : one;
}

/** As AWS wants it: of all signs only A-Z a-z 0-9 - . _ ~ stand for themselves. */
function encode(text: string): string {
	return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
