/** Milliseconds since 1970 as ISO 8601 in UTC: the form in which PostgreSQL gets and gives times here. */
export const timeOf = (ms: number) => new Date(ms).toISOString();
