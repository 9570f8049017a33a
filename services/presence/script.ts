import type { Redis } from "ioredis";

/** A Lua script. Redis runs it atomically. */
export class Script {
	readonly #name: string;
	readonly #lua: string;

	/** `name`: of the command under which ioredis defines the script on a client. */
	constructor(name: string, lua: string) {
		this.#name = name;
		this.#lua = lua;
	}

	/** Sends the script's digest, and its text only if Redis does not know the digest. */
	run(redis: Redis, args: (string | number)[]): Promise<unknown> {
		// ioredis adds the command to the client at run time, so it is not in the client's type.
		const commands = redis as unknown as Record<string, ((...args: (string | number)[]) => Promise<unknown>) | undefined>;
		if (!commands[this.#name]) redis.defineCommand(this.#name, { numberOfKeys: 0, lua: this.#lua });
		return (commands[this.#name] as NonNullable<(typeof commands)[string]>).call(redis, ...args.map(String));
	}
}

/** Users in one run of a script. Redis serves no other command during it. */
export const usersPerScript = 100;
