import { SocketLimit } from "../../services/gateway/socket-limit.ts";
import type { ClientSocket } from "../../services/gateway/sockets.ts";

const aSocket = () => ({}) as ClientSocket;

beforeEach(() => {
	jest.useFakeTimers();
});

afterEach(() => {
	jest.useRealTimers();
});

test("a socket may ask so often in a window, whatever others ask, and again in the next", () => {
	const limit = new SocketLimit({ points: 2, windowSeconds: 60 });
	const [one, other] = [aSocket(), aSocket()];
	limit.take(one);
	limit.take(one);
	jest.advanceTimersByTime(20_000);
	expect(() => limit.take(one)).toThrow(expect.objectContaining({ type: "RATE_LIMITED", data: { retryAfterSeconds: 40 } }));
	limit.take(other);
	jest.advanceTimersByTime(40_000);
	limit.take(one);
});

test("off is no limit", () => {
	const limit = new SocketLimit("off");
	const socket = aSocket();
	for (let n = 0; n < 1_000; n++) limit.take(socket);
});
