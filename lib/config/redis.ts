import { settingOf } from "./setting.ts";
import { urlOf } from "./urls.ts";

const setting = settingOf("Redis", "all");

export const redis = {
	redisUrl: setting("REDIS_URL", urlOf(["redis", "rediss"]), {
		unset: "Redis runs inside the process",
		meaning: "Redis 6.2 or newer: who is online where, and the counters of the rate limits.",
		secret: true,
	}),
};
