import { digestModulus } from "../presence-digest.ts";
import { Script } from "./script.ts";

/**
 * What Redis must do atomically. The keys are described in registry.ts and announcements.ts.
 *
 * `compare` compares a user's status with the status that was announced last, and stores when the difference is due. A better status,
 * or one that the user has set, is due now. A worse status, after sockets have disconnected, is due after the grace time. `compare`
 * runs whenever one of the two statuses may have changed, so no difference is left behind, in whatever order nodes work. `why` it
 * runs: 'chosen' (the user has set the status), 'gone' (a socket may have disconnected), or 'told' (the announced status has
 * changed). After 'told' a time that is already stored is kept.
 */
const compare = `
local rank = { offline = 0, away = 1, online = 2 }

local function gatewaysWithLease(now)
	local present = {}
	local ids = redis.call('ZRANGEBYSCORE', 'leases', now, '+inf')
	for i = 1, #ids do present[ids[i]] = true end
	return present
end

local function compare(user, why, now, grace, present)
	local status = 'offline'
	local sockets = redis.call('HGETALL', 'sockets:' .. user)
	for i = 1, #sockets, 2 do
		if present[sockets[i]] and rank[sockets[i + 1]] > rank[status] then status = sockets[i + 1] end
	end
	local told = redis.call('GET', 'announced:' .. user) or 'offline'
	if status == told then
		redis.call('ZREM', 'due', user)
	elseif why == 'chosen' or rank[status] > rank[told] then
		redis.call('ZADD', 'due', now, user)
	else
		local due = redis.call('ZSCORE', 'due', user)
		if not due or (why == 'gone' and tonumber(due) <= now) then redis.call('ZADD', 'due', now + grace, user) end
	end
end
`;

/** `users:<node>` has "number part" for each user: the last report with this user, and their part in the gateway's digest. */
const entries = `
local function partOf(entry)
	return tonumber(string.match(entry, '%d+$'))
end

local function remove(node, user, seenAt)
	redis.call('HDEL', 'users:' .. node, user)
	redis.call('HDEL', 'sockets:' .. user, node)
	redis.call('SET', 'seen:' .. user, seenAt)
end

local function digestOf(node)
	return tonumber(redis.call('HGET', 'gateway:' .. node, 'digest') or '0')
end

local function setDigest(node, digest)
	redis.call('HSET', 'gateway:' .. node, 'digest', string.format('%.0f', digest % ${digestModulus}))
end
`;

/** node, number, now, lease, grace, seenAt, then user, status, part, 'chosen' or 'gone' for each. Returns 0 if a newer report is there. */
export const reportScript = new Script(
	"presenceReport",
	`${compare}${entries}
local node, number = ARGV[1], ARGV[2]
local now, lease, grace, seenAt = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
if tonumber(number) < tonumber(redis.call('HGET', 'gateway:' .. node, 'number') or '0') then return 0 end
redis.call('HSET', 'gateway:' .. node, 'number', number)
redis.call('ZADD', 'leases', now + lease, node)
redis.call('ZADD', 'gateways', 'XX', now + lease, node)
local present = gatewaysWithLease(now)
local digest = digestOf(node)
for i = 7, #ARGV, 4 do
	local user, status, part = ARGV[i], ARGV[i + 1], ARGV[i + 2]
	local known = redis.call('HGET', 'users:' .. node, user)
	if known then digest = digest - partOf(known) end
	if status ~= 'offline' then
		redis.call('HSET', 'users:' .. node, user, number .. ' ' .. part)
		redis.call('HSET', 'sockets:' .. user, node, status)
		digest = digest + tonumber(part)
	elseif known then
		remove(node, user, seenAt)
	end
	compare(user, ARGV[i + 3], now, grace, present)
end
setDigest(node, digest)
return 1`,
);

/**
 * node, since, now, grace, seenAt, then users. With a number as `since`: removes those who are in no report from that number on.
 * With '': removes all, since the gateway's lease has ended; returns 0 if it has a lease again.
 */
export const removeScript = new Script(
	"presenceRemove",
	`${compare}${entries}
local node, since = ARGV[1], tonumber(ARGV[2])
local now, grace, seenAt = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
if not since then
	local lease = redis.call('ZSCORE', 'leases', node)
	if lease and tonumber(lease) > now then return 0 end
	redis.call('ZREM', 'gateways', node)
end
local present = gatewaysWithLease(now)
local digest = digestOf(node)
for i = 6, #ARGV do
	local user = ARGV[i]
	local known = redis.call('HGET', 'users:' .. node, user)
	if known and (not since or tonumber(string.match(known, '^%d+')) < since) then
		digest = digest - partOf(known)
		remove(node, user, seenAt)
		compare(user, 'gone', now, grace, present)
	end
end
setDigest(node, digest)
return 1`,
);

/** node, now, lease, count, digest ('' and '': not compared). Returns 0 if the registry does not have what the gateway has reported. */
export const renewScript = new Script(
	"presenceRenew",
	`${entries}
local node, now, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if not redis.call('ZSCORE', 'gateways', node) then return 0 end
redis.call('ZADD', 'leases', now + lease, node)
redis.call('ZADD', 'gateways', now + lease, node)
if ARGV[4] == '' then return 1 end
if redis.call('HLEN', 'users:' .. node) ~= tonumber(ARGV[4]) or digestOf(node) ~= tonumber(ARGV[5]) then return 0 end
return 1`,
);

/** node, now. Removes the last keys of a gateway without a lease and users. Returns 0 if it has one of them. */
export const removeGatewayScript = new Script(
	"presenceRemoveGateway",
	`
local node, now = ARGV[1], tonumber(ARGV[2])
local lease = redis.call('ZSCORE', 'leases', node)
if (lease and tonumber(lease) > now) or redis.call('HLEN', 'users:' .. node) > 0 then return 0 end
redis.call('DEL', 'gateway:' .. node)
redis.call('ZREM', 'gateways', node)
redis.call('ZREM', 'leases', node)
return 1`,
);

/** node, at. Ends the lease at that time, unless it ends sooner. */
export const shortenLeaseScript = new Script(
	"presenceShortenLease",
	`
local lease = redis.call('ZSCORE', 'leases', ARGV[1])
if lease and tonumber(lease) > tonumber(ARGV[2]) then redis.call('ZADD', 'leases', ARGV[2], ARGV[1]) end
return 1`,
);

/** now, until, limit. Claims users whose change is due. Returns each with '1' if an earlier claim has expired, else '0'. */
export const claimScript = new Script(
	"presenceClaim",
	`
local now, till, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local claimed = {}
local left = redis.call('ZRANGEBYSCORE', 'telling', '-inf', now, 'LIMIT', 0, limit)
for i = 1, #left do
	redis.call('ZADD', 'telling', till, left[i])
	claimed[#claimed + 1] = left[i]
	claimed[#claimed + 1] = '1'
end
local due = redis.call('ZRANGEBYSCORE', 'due', '-inf', now, 'LIMIT', 0, limit)
for i = 1, #due do
	if #claimed >= 2 * limit then break end
	if not redis.call('ZSCORE', 'telling', due[i]) then
		redis.call('ZADD', 'telling', till, due[i])
		redis.call('ZREM', 'due', due[i])
		claimed[#claimed + 1] = due[i]
		claimed[#claimed + 1] = '0'
	end
end
-- ioredis-mock, the Redis in this process, recognizes a list only if a table constructor made it.
return { unpack(claimed) }`,
);

/** now, grace, then users who have been announced. Ends their claims, and compares again, since statuses may have changed. */
export const releaseScript = new Script(
	"presenceRelease",
	`${compare}
local now, grace = tonumber(ARGV[1]), tonumber(ARGV[2])
local present = gatewaysWithLease(now)
for i = 3, #ARGV do
	redis.call('ZREM', 'telling', ARGV[i])
	compare(ARGV[i], 'told', now, grace, present)
end
return 1`,
);
