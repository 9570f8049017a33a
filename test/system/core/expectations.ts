/** ISO 8601 in UTC with milliseconds. */
export const aTime: unknown = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);

export const aUuid: unknown = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);

/** The error envelope with this code. */
export function anError(code: string): unknown {
	return { error: expect.objectContaining({ code, message: expect.any(String), requestId: expect.any(String) }) };
}
