/**
 * Waits until `condition` returns something truthy, and returns that. A condition that throws (a failing `expect`) is not true
 * yet. After `timeoutMs` this rejects with the last error of the condition.
 */
export async function until<Value>(
	condition: () => Value | Promise<Value>,
	{ timeoutMs = 10_000, intervalMs = 10 } = {},
): Promise<NonNullable<Value>> {
	const deadline = Date.now() + timeoutMs;
	for (;;) {
		let last: unknown = new Error(`After ${timeoutMs} ms this was still not true: ${condition}`);
		try {
			const value = await condition();
			if (value) return value;
		} catch (error) {
			last = error;
		}
		if (Date.now() >= deadline) throw last;
		await new Promise((resolve) => setTimeout(resolve, intervalMs));
	}
}

/** Waits until the expectations hold. After `timeoutMs` it fails with what the last of them said. */
export async function eventually(
	expectations: () => void | Promise<void>,
	options?: { timeoutMs?: number; intervalMs?: number },
): Promise<void> {
	await until(async () => {
		await expectations();
		return true;
	}, options);
}
