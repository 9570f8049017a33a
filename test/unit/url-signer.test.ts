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
