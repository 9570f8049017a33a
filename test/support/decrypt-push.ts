import { createDecipheriv, type ECDH, hkdfSync } from "node:crypto";

/** Decrypts a web push as a browser does (RFC 8291, and RFC 8188 for one record). */
export function decryptPush(body: Buffer, browser: { keys: ECDH; auth: Buffer }): string {
	const salt = body.subarray(0, 16);
	const keyLength = body.readUInt8(20);
	const senderKey = body.subarray(21, 21 + keyLength);
	const record = body.subarray(21 + keyLength);
	if (record.length > body.readUInt32BE(16)) throw new Error("There is more than one record.");

	const info = Buffer.concat([Buffer.from("WebPush: info\0"), browser.keys.getPublicKey(), senderKey]);
	const secret = Buffer.from(hkdfSync("sha256", browser.keys.computeSecret(senderKey), browser.auth, info, 32));
	const derive = (use: string, length: number) =>
		Buffer.from(hkdfSync("sha256", secret, salt, Buffer.from(`Content-Encoding: ${use}\0`), length));

	const decipher = createDecipheriv("aes-128-gcm", derive("aes128gcm", 16), derive("nonce", 12));
	decipher.setAuthTag(record.subarray(-16));
	const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
	const delimiter = padded.lastIndexOf(2);
	if (delimiter < 0 || padded.subarray(delimiter + 1).some((byte) => byte !== 0)) throw new Error("The padding is wrong.");
	return padded.subarray(0, delimiter).toString();
}
