import { SocketQueries } from "../../services/gateway/socket-queries.ts";
import type { ClientSocket } from "../../services/gateway/sockets.ts";

const aSocket = () => ({}) as ClientSocket;

beforeEach(() => {
	jest.useFakeTimers();
});

afterEach(() => {
	jest.useRealTimers();
});

test("a socket may ask so often in a window, whatever others ask, and again in the next", () => {
	const queries = new SocketQueries({ points: 2, windowSeconds: 60 });
	const [one, other] = [aSocket(), aSocket()];
	queries.take(one);
	queries.take(one);
	jest.advanceTimersByTime(20_000);
	expect(() => queries.take(one)).toThrow(expect.objectContaining({ type: "RATE_LIMITED", data: { retryAfterSeconds: 40 } }));
	queries.take(other);
	jest.advanceTimersByTime(40_000);
	queries.take(one);
});

test("off is no limit", () => {
	const queries = new SocketQueries("off");
	const socket = aSocket();
	for (let n = 0; n < 1_000; n++) queries.take(socket);
});
