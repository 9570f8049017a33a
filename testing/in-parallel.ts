/** `Array.map` with at most `limit` unfinished calls at a time. */
export async function inParallel<T, R>(limit: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
	const results: R[] = [];
	const waiting = items.entries();
	const workSome = async (): Promise<void> => {
		for (const [index, item] of waiting) results[index] = await work(item);
	};
	await Promise.all(Array.from({ length: limit }, workSome));
	return results;
}
