import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { getCACertificates, setDefaultCACertificates } from "node:tls";

export interface Certificate {
	key: string;
	cert: string;
}

/** A certificate for `localhost`, signed by itself. It is valid for one day. */
export function makeCertificate(): Certificate {
	const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	// OpenSSL finds an issuer by its name, so names must differ.
	const name = sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(randomBytes(8).toString("hex"))))));
	const days = [-1, 1].map((day) => der(0x17, Buffer.from(utcTime(Date.now() + day * 86_400_000))));
	const extensions = [
		sequence(oid("551d13"), der(0x04, sequence(der(0x01, Buffer.from([255]))))),
		sequence(oid("551d11"), der(0x04, sequence(der(0x82, Buffer.from("localhost"))))),
	];
	const toBeSigned = sequence(
		der(0xa0, der(0x02, Buffer.from([2]))),
		der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
		ecdsaWithSha256,
		name,
		sequence(...days),
		name,
		publicKey.export({ type: "spki", format: "der" }),
		der(0xa3, sequence(...extensions)),
	);
	const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", toBeSigned, privateKey)]));
	const certificate = sequence(toBeSigned, ecdsaWithSha256, signature);
	return {
		key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
		cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString("base64")}\n-----END CERTIFICATE-----\n`,
	};
}

/** This process trusts the certificate, as an operator's NODE_EXTRA_CA_CERTS would make it. Returns what undoes this. */
export function trust({ cert }: Certificate): () => void {
	trusted.add(cert);
	setDefaultCACertificates([...original, ...trusted]);
	return () => {
		trusted.delete(cert);
		setDefaultCACertificates([...original, ...trusted]);
	};
}

const original = getCACertificates("default");
const trusted = new Set<string>();

function der(tag: number, ...content: Buffer[]): Buffer {
	const body = Buffer.concat(content);
	const { length } = body;
	const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
	return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

function sequence(...content: Buffer[]): Buffer {
	return der(0x30, ...content);
}

function oid(hex: string): Buffer {
	return der(0x06, Buffer.from(hex, "hex"));
}

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));

/** YYMMDDhhmmssZ */
function utcTime(ms: number): string {
	return `${new Date(ms).toISOString().slice(2, 19).replaceAll(/[-T:]/g, "")}Z`;
}
