import { localUrl } from "../../lib/local-url.ts";

test.each([
	["0.0.0.0", "http://localhost:3000"],
	["::", "http://localhost:3000"],
	["::1", "http://[::1]:3000"],
	["127.0.0.1", "http://127.0.0.1:3000"],
	["parley.internal", "http://parley.internal:3000"],
])("what listens on %s is reached at %s", (host, url) => {
	expect(localUrl({ host, port: 3000 })).toBe(url);
});
