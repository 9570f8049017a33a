import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from "jose";

export type KeyAlgorithm = "RS256" | "ES256" | "EdDSA";

/** Publishes a key for each algorithm, as the hiring platform would. */
export interface KeyServer {
	url: string;
	keys: Record<KeyAlgorithm, { publicKey: CryptoKey; privateKey: CryptoKey }>;
	/** What it answers from now on instead. */
	answer(status: number, body: string): void;
	stop(): Promise<void>;
}

export async function startKeyServer(): Promise<KeyServer> {
	const keys = {
		RS256: await generateKeyPair("RS256", { extractable: true }),
		ES256: await generateKeyPair("ES256", { extractable: true }),
		EdDSA: await generateKeyPair("EdDSA", { extractable: true }),
	};
	const published: JWK[] = await Promise.all(
		Object.entries(keys).map(async ([alg, { publicKey }]) => ({ ...(await exportJWK(publicKey)), alg, kid: alg, use: "sig" })),
	);
	let reply = { status: 200, body: JSON.stringify({ keys: published }) };
	const server = createServer((_req, res) => {
		res.writeHead(reply.status, { "Content-Type": "application/json", Connection: "close" });
		res.end(reply.body);
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
		keys,
		answer(status, body) {
			reply = { status, body };
		},
		async stop() {
			server.closeAllConnections();
			server.close();
			await once(server, "close");
		},
	};
}
