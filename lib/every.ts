/** Does the work again and again, but never twice at once. `failed` gets what it rejects with; then it is done again as usual. */
export function every(intervalMs: number, work: () => Promise<void>, failed: (error: unknown) => void): NodeJS.Timeout {
	let running = false;
	return setInterval(async () => {
		if (running) return;
		running = true;
		try {
			await work();
		} catch (error) {
			failed(error);
		}
		running = false;
	}, intervalMs);
}
