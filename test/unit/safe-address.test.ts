import { callTimeoutMs } from "../../lib/timeouts.ts";
import {
	checkPushUrl,
	isPublic,
	PrivateAddress,
	publicLookup,
	resolveName,
} from "../../services/notifier/channels/safe-address.ts";
import { startDnsServer } from "../support/dns-server.ts";

const ofNobody = async () => {
	throw new Error("ENOTFOUND");
};
const resolvesTo =
	(...addresses: string[]) =>
	async () =>
		addresses;
const example = "https://push.example.org/send/1";
const isPrivate = "must not be a private address";
const notHttps = "must be an https URL";

test.each([
	["https://127.0.0.1/", isPrivate],
	["https://127.255.255.254:8443/x", isPrivate],
	["https://2130706433/", isPrivate],
	["https://0x7f000001/", isPrivate],
	["https://0x7f.1/", isPrivate],
	["https://0177.0.0.1/", isPrivate],
	["https://127.1/", isPrivate],
	["https://①②⑦.0.0.1/", isPrivate],
	["https://127.0.0.1./", isPrivate],
	["https://0/", isPrivate],
	["https://0.0.0.0/", isPrivate],
	["https://10.0.0.1/", isPrivate],
	["https://172.16.0.1/", isPrivate],
	["https://172.31.255.255/", isPrivate],
	["https://192.168.1.1/", isPrivate],
	["https://169.254.169.254/latest/meta-data/", isPrivate],
	["https://100.64.0.1/", isPrivate],
	["https://100.100.100.200/", isPrivate],
	["https://192.0.0.192/", isPrivate],
	["https://192.0.2.1/", isPrivate],
	["https://198.18.0.1/", isPrivate],
	["https://224.0.0.1/", isPrivate],
	["https://240.0.0.1/", isPrivate],
	["https://255.255.255.255/", isPrivate],
	["https://[::]/", isPrivate],
	["https://[::1]/", isPrivate],
	["https://[0:0:0:0:0:0:0:1]/", isPrivate],
	["https://[::127.0.0.1]/", isPrivate],
	["https://[::ffff:127.0.0.1]/", isPrivate],
	["https://[::ffff:7f00:1]/", isPrivate],
	["https://[::ffff:8.8.8.8]/", isPrivate],
	["https://[::ffff:0:127.0.0.1]/", isPrivate],
	["https://[fe80::1]/", isPrivate],
	["https://[fec0::1]/", isPrivate],
	["https://[fc00::1]/", isPrivate],
	["https://[fd00:ec2::254]/", isPrivate],
	["https://[ff02::1]/", isPrivate],
	["https://[64:ff9b::7f00:1]/", isPrivate],
	["https://[64:ff9b::10.0.0.1]/", isPrivate],
	["https://[64:ff9b:1::8.8.8.8]/", isPrivate],
	["https://[2002:7f00:1::]/", isPrivate],
	["https://[2002:a00:1::1]/", isPrivate],
	["https://[2001:0:808:808::f5ff:fffe]/", isPrivate],
	["https://[2001:db8::1]/", isPrivate],
	["https://[100::1]/", isPrivate],
	["https://[5f00::1]/", isPrivate],
	["https://[4000::1]/", isPrivate],
	["http://push.example.org/", notHttps],
	["http://127.0.0.1/", notHttps],
	["ftp://push.example.org/", notHttps],
	["file:///etc/passwd", notHttps],
	["gopher://127.0.0.1:6379/_x", notHttps],
	["javascript:alert(1)", notHttps],
	["//push.example.org/", notHttps],
	["https://", notHttps],
	["https://[::1%25eth0]/", notHttps],
	["https://256.0.0.1/", notHttps],
	["", notHttps],
	["https://user:secret@push.example.org/", "must not contain a user name or a password"],
	["https://push.example.org@127.0.0.1/", "must not contain a user name or a password"],
])("%s is refused: it %s", async (url, reason) => {
	expect(await checkPushUrl(url, [], resolvesTo("93.184.215.14"))).toBe(reason);
});

test.each([
	["https://8.8.8.8/"],
	["https://[2606:4700:4700::1111]/"],
	["https://[64:ff9b::8.8.8.8]/"],
	[example],
	["https://push.example.org:8443/send/1?a=b"],
])("%s may be a push service", async (url) => {
	expect(await checkPushUrl(url, [], resolvesTo("93.184.215.14", "2606:2800:21f:cb07::1"))).toBeNull();
});

test("a name is refused if any of its addresses is private, or if it has none", async () => {
	expect(await checkPushUrl(example, [], resolvesTo("93.184.215.14", "10.0.0.7"))).toBe(isPrivate);
	expect(await checkPushUrl(example, [], resolvesTo("2606:2800:21f:cb07::1", "::1"))).toBe(isPrivate);
	expect(await checkPushUrl(example, [], ofNobody)).toBe("must be a host that can be resolved");
	expect(await checkPushUrl(example, [], resolvesTo())).toBe("must be a host that can be resolved");
});

test("a host has the addresses that DNS servers give it, of both kinds", async () => {
	const dns = await startDnsServer({ "push.example.org": ["93.184.215.14", "10.0.0.7", "2606:2800:21f:cb07::1"] });
	const ask = (name: string) => resolveName(name, [dns.address]);
	expect((await ask("push.example.org")).sort()).toEqual(["10.0.0.7", "2606:2800:21f:cb07::1", "93.184.215.14"]);
	await expect(ask("other.example.org")).rejects.toMatchObject({ code: "ENOTFOUND" });
	expect(await checkPushUrl(example, [], ask)).toBe(isPrivate);
	await dns.stop();
});

test("a name whose DNS server never answers is given up before the client is", async () => {
	const dns = await startDnsServer("silent");
	const startedAt = Date.now();
	const reason = await checkPushUrl(example, [], (name) => resolveName(name, [dns.address]));
	expect(reason).toBe("must be a host that can be resolved");
	expect(Date.now() - startedAt).toBeLessThan(callTimeoutMs);
	await dns.stop();
});

test("WEBPUSH_ALLOW exempts exactly the named hosts and ports, also without TLS", async () => {
	const allow = ["Push.internal:443", "127.0.0.1:8080", "[::1]:8443", "plain.internal:80"];
	for (const url of ["https://push.internal/a", "http://127.0.0.1:8080/", "https://[::1]:8443/", "http://plain.internal/"])
		expect(await checkPushUrl(url, allow, ofNobody)).toBeNull();
	expect(await checkPushUrl("https://127.0.0.1:8081/", allow, ofNobody)).toBe(isPrivate);
	expect(await checkPushUrl("http://push.internal/", allow, ofNobody)).toBe(notHttps);
	expect(await checkPushUrl("https://push.internal.example/", allow, ofNobody)).toBe("must be a host that can be resolved");
	expect(await checkPushUrl("ftp://127.0.0.1:8080/", allow, ofNobody)).toBe(notHttps);
});

test.each(["", "localhost", "8.8.8", "8.8.8.8/8", "fe80::1%eth0", "::ffff:127.0.0.1"])(
	"what a resolver should not answer is not public: «%s»",
	(text) => expect(isPublic(text)).toBe(false),
);

test("a connection gets the addresses that were checked, in the form it asks for, and none if one of them is private", async () => {
	const look = (addresses: string[], options: { all?: boolean; family?: number }) =>
		new Promise((resolve, reject) => {
			publicLookup(resolvesTo(...addresses))("push.example.org", options, (error, address, family) =>
				error ? reject(error) : resolve([address, family]),
			);
		});
	const both = ["93.184.215.14", "2606:2800:21f:cb07::1"];
	const found = both.map((address, index) => ({ address, family: index === 0 ? 4 : 6 }));
	expect(await look(both, { all: true })).toEqual([found, undefined]);
	expect(await look(both, {})).toEqual([both[0], 4]);
	expect(await look(both, { family: 6 })).toEqual([both[1], 6]);
	await expect(look(["93.184.215.14"], { family: 6 })).rejects.toMatchObject({ code: "ENOTFOUND" });
	await expect(look([], { all: true })).rejects.toMatchObject({ code: "ENOTFOUND" });
	await expect(look([...both, "192.168.0.1"], { all: true })).rejects.toBeInstanceOf(PrivateAddress);
});
