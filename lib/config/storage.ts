import { onOff, rule, text } from "./rule.ts";
import { settingOf } from "./setting.ts";
import { baseUrl } from "./urls.ts";

const setting = settingOf("Image storage", ["media", "messages"]);

export const storage = {
	bucket: setting("S3_BUCKET", rule("the name of a bucket", isBucket), {
		unset: "S3 is embedded where media runs",
		meaning: "The bucket for images. media creates it if it does not exist.",
	}),
	/** Without a slash at the end. */
	endpoint: setting("S3_ENDPOINT", baseUrl, {
		unset: "AWS",
		meaning: "The store, if it is not AWS: MinIO, Ceph and others. Requires `S3_BUCKET`.",
	}),
	region: setting("S3_REGION", text, {
		unset: "`us-east-1` with `S3_ENDPOINT`, otherwise what the AWS SDK finds",
		meaning: "The region of the bucket.",
	}),
	accessKeyId: setting("S3_ACCESS_KEY_ID", text, {
		unset: "what the AWS SDK finds",
		meaning: "The id of the access key. Requires `S3_SECRET_ACCESS_KEY`.",
	}),
	secretAccessKey: setting("S3_SECRET_ACCESS_KEY", text, {
		unset: "what the AWS SDK finds",
		meaning: "The secret of the access key. Requires `S3_ACCESS_KEY_ID`.",
		secret: true,
	}),
	/** Without a slash at the end. */
	publicEndpoint: setting("S3_PUBLIC_ENDPOINT", baseUrl, {
		unset: "what `S3_ENDPOINT` says",
		meaning: "Where clients reach the store, if it is not where the services do.",
	}),
	pathStyle: setting("S3_PATH_STYLE", onOff, {
		unset: "`on` with `S3_ENDPOINT`, otherwise `off`",
		meaning: "Whether the bucket stands in the path of URLs (`on`) or in the host name (`off`).",
	}),
};

/** What AWS allows. Capitals and underscores are what other stores allow. */
function isBucket(value: string): boolean {
	return /^[A-Za-z0-9][\w.-]{1,61}[A-Za-z0-9]$/.test(value);
}
