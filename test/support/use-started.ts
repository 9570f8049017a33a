/** The `stop` of everything that runs, in the order in which it was started. */
const stops: (() => Promise<void>)[] = [];

/**
 * Something that all tests of a file, or of a `describe`, share: `start` makes it before the first test, `stop` ends it after the
 * last one. What was started last is stopped first. The returned object has the properties of what was started, and can be used
 * in hooks and tests.
 *
 * Jest runs `afterAll` hooks in the order in which they are registered. To close something before `stop`, register an `afterAll`
 * above this call.
 */
export function useStarted<Started extends object>(
	start: () => Promise<Started>,
	stop: (started: Started) => Promise<void>,
): Started {
	let started: Started | undefined;
	beforeAll(async () => {
		const running = await start();
		stops.push(() => stop(running));
		started = running;
	});
	afterAll(() => stops.pop()?.());
	return lazy(() => started);
}

/** An object with the properties that the object returned by `find` has when they are read. */
export function lazy<Found extends object>(find: () => Found | undefined): Found {
	// Frozen, so that setting a property throws: it would not reach the object that `find` returns.
	return new Proxy(Object.freeze({}) as Found, {
		get(_, name) {
			const found = find();
			if (!found) throw new Error(`${String(name)} is read before the first hook or test of this file.`);
			return Reflect.get(found, name);
		},
	});
}
