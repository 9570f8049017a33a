import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { UrlSigner } from "../../lib/url-signer.ts";

const credentials = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
const at = new Date("2013-05-24T00:00:00Z");

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
test("AWS's own example comes out as AWS says", () => {
	const signer = new UrlSigner("https://examplebucket.s3.amazonaws.com/", "us-east-1", credentials);
	expect(signer.sign("GET", "test.txt", at, 86_400)).toBe(
		"https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
			"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z" +
			"&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
			"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
	);
});

test("the bucket may be in the path, temporary credentials have their token, and days have keys of their own", () => {
	const signer = new UrlSigner("http://minio:9000/images/", "eu-central-1", { ...credentials, sessionToken: "a+b/c=" });
	const today = signer.sign("GET", "a/b", at, 900);
	expect(today).toMatch(/^http:\/\/minio:9000\/images\/a\/b\?/);
	expect(new URL(today).searchParams.get("X-Amz-Security-Token")).toBe("a+b/c=");
	const tomorrow = signer.sign("GET", "a/b", new Date("2013-05-25T00:00:00Z"), 900);
	expect(tomorrow).not.toBe(today);
	expect(signer.sign("GET", "a/b", at, 900)).toBe(today);
});

test("signs such as !'()* in a key or a token are encoded as AWS's own SDK encodes them", async () => {
	const odd = { accessKeyId: "key!'()*", secretAccessKey: "secret", sessionToken: "a!b'c(d)e*f+g/h=" };
	const client = new S3Client({ region: "us-east-1", endpoint: "http://minio:9000", forcePathStyle: true, credentials: odd });
	const command = new GetObjectCommand({ Bucket: "images", Key: "a/b" });
	const theirs = new URL(await getSignedUrl(client, command, { signingDate: at, expiresIn: 900 }));
	client.destroy();
	const ours = new URL(new UrlSigner("http://minio:9000/images/", "us-east-1", odd).sign("GET", "a/b", at, 900));
	for (const name of ["X-Amz-Credential", "X-Amz-Security-Token"]) {
		expect(rawOf(ours, name)).toBe(rawOf(theirs, name));
		expect(rawOf(ours, name)).not.toMatch(/[!'()*]/);
	}
});

/** A parameter as it stands in the URL. */
function rawOf({ search }: URL, name: string): string | undefined {
	return search
		.slice(1)
		.split("&")
		.find((pair) => pair.startsWith(`${name}=`));
}
