/**
 * Waits until `condition` gives something truthy, and gives that. A condition that throws (a failing `expect`) does not hold
 * yet. After `timeoutMs` it fails with what the condition said last.
 */
export async function until<Value>(
	condition: () => Value | Promise<Value>,
	{ timeoutMs = 10_000, intervalMs = 10 } = {},
): Promise<NonNullable<Value>> {
	const deadline = Date.now() + timeoutMs;
	for (;;) {
		let last: unknown = new Error(`Waited ${timeoutMs} ms in vain for: ${condition}`);
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
