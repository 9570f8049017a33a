import { addressOf } from "../../services/gateway/address.ts";

test.each<[string | undefined, number, string]>([
	[undefined, 0, "10.0.0.9"],
	["203.0.113.7", 0, "10.0.0.9"],
	["203.0.113.7", 1, "203.0.113.7"],
	["forged, 203.0.113.7", 1, "203.0.113.7"],
	["198.51.100.1, 203.0.113.7,10.0.0.8", 2, "203.0.113.7"],
	["203.0.113.7", 5, "203.0.113.7"],
	[undefined, 1, "10.0.0.9"],
	["", 1, "10.0.0.9"],
	["unknown", 1, "10.0.0.9"],
	["203.0.113.7:4711", 1, "203.0.113.7"],
	["[2001:db8:0:1::2]:4711", 1, "2001:db8:0:1::/64"],
])("X-Forwarded-For: %s with %i trusted proxies is %s", (forwarded, trusted, address) => {
	expect(addressOf(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }, "10.0.0.9", trusted)).toBe(address);
});

test.each([
	["::ffff:192.0.2.1", "192.0.2.1"],
	["2001:DB8:0:1:2:3:4:5", "2001:db8:0:1::/64"],
	["2001:db8::1", "2001:db8:0:0::/64"],
	["2001:db8:0:0:ffff::", "2001:db8:0:0::/64"],
	["::1", "0:0:0:0::/64"],
	["fe80::1%eth0", "fe80:0:0:0::/64"],
	["", ""],
])("the peer %s is counted as %s", (peer, address) => {
	expect(addressOf({}, peer, 0)).toBe(address);
});
