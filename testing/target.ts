/**
 * A running Parley as the core suite sees it: one process or many. It needs `RATE_LIMIT_*=off`, since the suite writes more in a
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

/** Jest collects the tests before anything runs. So a suite takes a function that returns the target later. */
export type TargetOf = () => Target;
