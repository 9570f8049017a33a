import { utimesSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../lib/config/config.ts";
import { Storage } from "../../mixins/storage.ts";

/** A look into an embedded storage behind everybody's back. */
export class TestBucket {
	readonly #folder: string;
	readonly #storage: Storage;

	constructor(dataDir: string, s3: Config["s3"]) {
		const bucket = String(s3.bucket);
		this.#folder = join(dataDir, "s3", bucket);
		this.#storage = new Storage({ ...s3, bucket });
	}

	/** The keys with this in them. */
	async keys(part: string): Promise<string[]> {
		const keys: string[] = [];
		for await (const { key } of this.#storage.list("")) if (key.includes(part)) keys.push(key);
		return keys;
	}

	/** Makes such objects look as if they had been stored hours ago. */
	async age(part: string, hours: number): Promise<void> {
		const then = new Date(Date.now() - hours * 3_600_000);
		for (const key of await this.keys(part)) utimesSync(join(this.#folder, `${key}._S3rver_object`), then, then);
	}

	close(): void {
		this.#storage.close();
	}
}
