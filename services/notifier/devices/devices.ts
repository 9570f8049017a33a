import { createPublicKey } from "node:crypto";
import { ParleyError } from "../../../lib/errors.ts";
import { newId } from "../../../lib/ids.ts";
import { timeOf } from "../../../lib/time-of.ts";
import { type Database, statement, type Transaction } from "../../../mixins/database.ts";
import type { Params } from "../../contracts.ts";
import type { Device } from "../channels/channel.ts";
import type { RegisteredDevice } from "./device.contract.ts";

/** Devices of a person. Another one takes the place of the one that was registered longest ago. */
const maxDevices = 20;

/** What is wrong with the URL of a push service; null if it may be used. */
export type CheckUrl = (url: string) => Promise<string | null>;

/**
 * Registers a device, or says that it is still in use. A token that somebody else registered before is this person's from now on, as a
 * device of its own: what was meant for the other person does not go there. VALIDATION_FAILED for a push service that may not be used.
 *
 * A lock for each person orders registrations on all nodes. Otherwise two of them could both see room for one more device.
 */
export async function addDevice(
	db: Database,
	userId: string,
	params: Params<"notifier.addDevice">,
	checkUrl: CheckUrl,
): Promise<{ device: RegisteredDevice; created: boolean }> {
	const { address, keys } = await addressOf(params, checkUrl);
	const id = newId();
	const row = await db.transaction(async (transaction) => {
		await transaction.query(lockStatement, [userId]);
		const row = await upsert(transaction, [id, userId, params.kind, address, keys && JSON.stringify(keys)]);
		await transaction.query(dropOldestStatement, [userId, maxDevices]);
		return row;
	});
	return { device: toRegistered(row), created: row.id === id };
}

/** The devices of a person, the one that was registered last first. */
export async function listDevices(db: Database, userId: string): Promise<RegisteredDevice[]> {
	return (await db.query<DeviceRow>(listStatement, [userId])).map(toRegistered);
}

/** NOT_FOUND when the person has no such device. */
export async function deleteDevice(db: Database, userId: string, deviceId: string): Promise<void> {
	const [deleted] = await db.query(deleteStatement, [deviceId, userId]);
	if (!deleted) throw new ParleyError("NOT_FOUND");
}

/** The devices of these people, by their ids. People without devices are left out. */
export async function devicesOf(db: Database, userIds: readonly string[]): Promise<Map<string, Device[]>> {
	const rows = await db.query<Device & { user_id: string }>(devicesStatement, [userIds]);
	const devices = new Map<string, Device[]>();
	for (const { user_id, ...device } of rows) devices.set(user_id, [...(devices.get(user_id) ?? []), device]);
	return devices;
}

/** Those of the devices that are still there, by their ids. */
export async function devicesById(db: Database, deviceIds: readonly string[]): Promise<Map<string, Device>> {
	const rows = await db.query<Device>(devicesByIdStatement, [deviceIds]);
	return new Map(rows.map((device) => [device.id, device]));
}

/** Removes a device that its provider does not know any more. */
export async function removeDevice(db: Database, deviceId: string): Promise<void> {
	await db.query(removeStatement, [deviceId]);
}

/** Whether the caller may send the device a clearing now. Only one of all nodes may, and only once a minute. */
export async function claimClearing(db: Database, deviceId: string, nowMs: number): Promise<boolean> {
	return (await db.query(claimClearingStatement, [deviceId, timeOf(nowMs)])).length > 0;
}

/** What the provider knows the device by. */
async function addressOf(
	{ kind, token, subscription }: Params<"notifier.addDevice">,
	checkUrl: CheckUrl,
): Promise<Pick<Device, "address" | "keys">> {
	if (kind === "webpush" && subscription) {
		const { endpoint, keys } = subscription;
		if (!isPointOfP256(keys.p256dh))
			throw invalid("subscription.keys.p256dh", "must be an uncompressed point of the curve P-256");
		const refusal = await checkUrl(endpoint);
		if (refusal !== null) throw invalid("subscription.endpoint", refusal);
		return { address: endpoint, keys };
	}
	// Apple's tokens are bytes.
	return { address: (kind === "apns" ? token?.toLowerCase() : token) ?? "", keys: null };
}

/** Whether 65 bytes in base64url are a key to which a push can be encrypted (RFC 8291). */
function isPointOfP256(key: string): boolean {
	const point = Buffer.from(key, "base64url");
	const [x, y] = [point.subarray(1, 33).toString("base64url"), point.subarray(33).toString("base64url")];
	try {
		createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
		return point[0] === 4;
	} catch {
		return false;
	}
}

function invalid(path: string, message: string): ParleyError {
	return new ParleyError("VALIDATION_FAILED", { details: [{ path, message }] });
}

async function upsert(transaction: Transaction, values: unknown[]): Promise<DeviceRow> {
	const [row] = await transaction.query<DeviceRow>(upsertStatement, values);
	if (!row) throw new ParleyError("UNAVAILABLE");
	return row;
}

interface DeviceRow {
	id: string;
	kind: Device["kind"];
	created_at: string;
	last_used_at: string;
}

function toRegistered({ id, kind, created_at, last_used_at }: DeviceRow): RegisteredDevice {
	return { id, kind, createdAt: created_at, lastUsedAt: last_used_at };
}

const lockStatement = statement(
	"notifier.lockDevices",
	"select pg_advisory_xact_lock(hashtextextended('notifier.devices ' || $1::text, 0))",
);

/** Times are those of the statement, since the transaction may have waited for the lock. */
const upsertStatement = statement(
	"notifier.addDevice",
	`insert into devices (id, user_id, kind, address, keys, created_at, last_used_at)
	values ($1, $2, $3, $4, $5, statement_timestamp(), statement_timestamp())
	on conflict (kind, address) do update set
		id = case when devices.user_id = excluded.user_id then devices.id else excluded.id end,
		created_at = case when devices.user_id = excluded.user_id then devices.created_at else excluded.created_at end,
		cleared_at = case when devices.user_id = excluded.user_id then devices.cleared_at end,
		user_id = excluded.user_id, keys = excluded.keys, last_used_at = excluded.last_used_at
	returning id, kind, created_at, last_used_at`,
);

const dropOldestStatement = statement(
	"notifier.dropOldestDevices",
	`delete from devices where id in (
		select id from devices where user_id = $1 order by last_used_at desc, id desc offset $2
	)`,
);

const listStatement = statement(
	"notifier.listDevices",
	"select id, kind, created_at, last_used_at from devices where user_id = $1 order by last_used_at desc, id desc",
);

const deleteStatement = statement("notifier.deleteDevice", "delete from devices where id = $1 and user_id = $2 returning id");

const devicesStatement = statement(
	"notifier.devicesOf",
	"select user_id, id, kind, address, keys from devices where user_id = any ($1) order by last_used_at desc, id desc",
);

const devicesByIdStatement = statement("notifier.devicesById", "select id, kind, address, keys from devices where id = any ($1)");

const removeStatement = statement("notifier.removeDevice", "delete from devices where id = $1");

const claimClearingStatement = statement(
	"notifier.claimClearing",
	`update devices set cleared_at = $2
	where id = $1 and (cleared_at is null or cleared_at <= $2::timestamptz - interval '1 minute')
	returning id`,
);
