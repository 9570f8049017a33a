import type { Redis } from "ioredis";

/** A Lua script: Redis runs it as a whole, so nothing of another node comes in between. */
export class Script {
	readonly #name: string;
	readonly #lua: string;

	/** `name` is that of the command which the script becomes on a client. */
	constructor(name: string, lua: string) {
		this.#name = name;
		this.#lua = lua;
	}

	/** Sends the script's digest, and its text only to a Redis that does not know it. */
	run(redis: Redis, args: (string | number)[]): Promise<unknown> {
		// ioredis adds the command to the client; its types cannot know that.
		const commands = redis as unknown as Record<string, ((...args: (string | number)[]) => Promise<unknown>) | undefined>;
		if (!commands[this.#name]) redis.defineCommand(this.#name, { numberOfKeys: 0, lua: this.#lua });
		return (commands[this.#name] as NonNullable<(typeof commands)[string]>).call(redis, ...args.map(String));
	}
}

/** Users that one run of a script handles: Redis does nothing else meanwhile. */
export const usersPerScript = 100;
