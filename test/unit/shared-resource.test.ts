import { ServiceBroker } from "moleculer";
import { SharedResource } from "../../mixins/shared-resource.ts";

function counting() {
	const events: string[] = [];
	let opened = 0;
	const shared = new SharedResource(
		() => {
			opened++;
			events.push(`open ${opened}`);
			return opened;
		},
		async (resource) => {
			events.push(`close ${resource}`);
		},
	);
	return { shared, events };
}

/** Never started: it only stands for the process. */
const newBroker = () => new ServiceBroker({ logger: false, skipProcessEventRegistration: true });

test("the first user opens the resource, the others share it, and the last one closes it", async () => {
	const { shared, events } = counting();
	const broker = newBroker();
	expect([shared.acquire(broker), shared.acquire(broker)]).toEqual([1, 1]);
	await shared.release(broker);
	expect(events).toEqual(["open 1"]);
	await shared.release(broker);
	expect(events).toEqual(["open 1", "close 1"]);
});

test("after the last release the resource is opened again", async () => {
	const { shared, events } = counting();
	const broker = newBroker();
	shared.acquire(broker);
	await shared.release(broker);
	expect(shared.acquire(broker)).toBe(2);
	await shared.release(broker);
	expect(events).toEqual(["open 1", "close 1", "open 2", "close 2"]);
});

test("each broker has a resource of its own", async () => {
	const { shared, events } = counting();
	const [one, other] = [newBroker(), newBroker()];
	expect([shared.acquire(one), shared.acquire(other)]).toEqual([1, 2]);
	await shared.release(one);
	expect(events).toEqual(["open 1", "open 2", "close 1"]);
});

test("a release without a resource does nothing", async () => {
	const { shared, events } = counting();
	await shared.release(newBroker());
	expect(events).toEqual([]);
});
