import { generateKeyPairSync } from "node:crypto";

/** A service account of Google's, whose access tokens come from `tokenUri`. `credentials` is the content of its key file. */
export function makeServiceAccount(projectId: string, tokenUri: string) {
	const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
	const credentials = {
		type: "service_account",
		project_id: projectId,
		private_key_id: "key-1",
		private_key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
		client_email: `parley@${projectId}.example`,
		token_uri: tokenUri,
	};
	return { credentials, publicKey };
}
