/**
 * A running Parley as the core suite sees it, whatever it is made of. Needs `RATE_LIMIT_*=off`, since the suite writes more in a
 * minute than a person in a day.
 */
export interface Target {
	/** The gateways of one deployment, without a slash at the end. Alice is on the first one, Bob on the last. */
	baseUrls: readonly [string, ...string[]];
	/** An origin that `CORS_ORIGINS` names. */
	allowedOrigin: string;
	platformToken(): Promise<string>;
	adminToken(): Promise<string>;
	/** Role `user`. A negative lifetime gives an expired token. */
	userToken(sub: string, ttlSeconds?: number): Promise<string>;
}

/** Jest collects tests before anything runs, so a suite takes a way to the target, not the target. */
export type TargetOf = () => Target;
