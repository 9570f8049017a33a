/**
 * The bus refuses messages above a size (1 MB on NATS by default). A longer packet is cut into fragments of 512 KB, which the
 * receiver joins again (docs/adr/0014).
 *
 * A fragment consists of one byte 0, with which no JSON begins; the length of its header, in two bytes; the header as JSON; and a
 * piece of the packet. The messages of one publisher arrive in order, so the pieces of a packet arrive in order, perhaps between
 * pieces of other senders. If a piece is not the next one, a piece was lost, and with it the packet.
 */
export interface FragmentHeader {
	/** Identifies the packet among those of its sender. */
	packet: string;
	/** The sender's node. */
	sender: string;
	/** Moleculer's type of the packet: REQ, RES, EVENT. */
	type: string;
	/** The id of the call to which the packet belongs. */
	call: string | null;
	index: number;
	count: number;
	/** The size of the whole packet. */
	sizeBytes: number;
}

/** The length of the pieces. A longer packet is cut. */
export const fragmentBytes = 512 * 1024;

/** The message size that the bus must accept: a piece and its header. */
export const neededPayloadBytes = fragmentBytes + 4 * 1024;

/** The sender refuses a longer packet. */
export const maxPacketBytes = 32 * 1024 * 1024;

const marker = 0;
const prefixBytes = 3;

export function isFragment(data: Buffer): boolean {
	return data[0] === marker;
}

/** Cuts a packet that is longer than `fragmentBytes`, in the order in which its pieces must be sent. */
export function* cut(data: Buffer, packet: Omit<FragmentHeader, "index" | "count" | "sizeBytes">): Generator<Buffer> {
	const count = Math.ceil(data.length / fragmentBytes);
	for (let index = 0; index < count; index++) {
		const header = Buffer.from(JSON.stringify({ ...packet, index, count, sizeBytes: data.length } satisfies FragmentHeader));
		const prefix = Buffer.alloc(prefixBytes, marker);
		prefix.writeUInt16BE(header.length, 1);
		yield Buffer.concat([prefix, header, data.subarray(index * fragmentBytes, (index + 1) * fragmentBytes)]);
	}
}

/** Throws if it is not one of our fragments. */
export function readFragment(data: Buffer): { header: FragmentHeader; piece: Buffer } {
	const bodyAt = prefixBytes + data.readUInt16BE(1);
	return { header: JSON.parse(data.toString("utf8", prefixBytes, bodyAt)), piece: data.subarray(bodyAt) };
}

/** The result of adding a fragment. `ignored`: it belongs to a packet that was reported as lost before. */
export type Joined = { state: "unfinished" | "ignored" } | { state: "whole"; data: Buffer } | { state: "lost"; reason: string };

/** Joins the fragments of many senders. Unfinished packets are limited in bytes and in time. */
export class FragmentJoiner {
	readonly #maxUnfinishedBytes: number;
	readonly #timeoutMs: number;
	readonly #unfinished = new Map<string, Unfinished>();
	#reservedBytes = 0;

	/** `maxUnfinishedBytes`: for all unfinished packets together. `timeoutMs`: without another fragment of the packet. */
	constructor({ maxUnfinishedBytes, timeoutMs }: { maxUnfinishedBytes: number; timeoutMs: number }) {
		this.#maxUnfinishedBytes = maxUnfinishedBytes;
		this.#timeoutMs = timeoutMs;
	}

	/** How many packets are unfinished. */
	get size(): number {
		return this.#unfinished.size;
	}

	add(header: FragmentHeader, piece: Buffer, nowMs: number): Joined {
		const key = `${header.sender} ${header.packet}`;
		const known = this.#unfinished.get(key);
		const isLast = header.index === header.count - 1;
		if (known?.pieces === undefined) {
			if (known) return this.#ignore(key, known, isLast, nowMs);
			const reason = this.#reasonToRefuse(header);
			if (reason !== undefined) return this.#lose(key, header, isLast, nowMs, reason);
			this.#reservedBytes += header.sizeBytes;
			this.#unfinished.set(key, { header, pieces: [piece], touchedAtMs: nowMs });
			return { state: "unfinished" };
		}
		if (header.index !== known.pieces.length)
			return this.#lose(key, header, isLast, nowMs, `fragment ${known.pieces.length} of ${header.count} was lost`);
		known.pieces.push(piece);
		known.touchedAtMs = nowMs;
		if (!isLast) return { state: "unfinished" };
		this.#forget(key);
		const data = Buffer.concat(known.pieces);
		if (data.length === header.sizeBytes) return { state: "whole", data };
		return { state: "lost", reason: `${data.length} of ${header.sizeBytes} bytes arrived` };
	}

	/** Gives up packets without another fragment for `timeoutMs`. Returns their headers. */
	expire(nowMs: number): FragmentHeader[] {
		const lost: FragmentHeader[] = [];
		for (const [key, { header, pieces, touchedAtMs }] of this.#unfinished) {
			if (nowMs - touchedAtMs < this.#timeoutMs) continue;
			this.#forget(key);
			if (pieces) lost.push(header);
		}
		return lost;
	}

	#reasonToRefuse({ index, count, sizeBytes }: FragmentHeader): string | undefined {
		if (index !== 0) return `fragment 0 of ${count} was lost`;
		if (sizeBytes > maxPacketBytes) return `${sizeBytes} bytes are too many`;
		if (this.#reservedBytes + sizeBytes > this.#maxUnfinishedBytes) return "too many packets are unfinished here";
		return undefined;
	}

	/** Keeps the packet without its pieces, so that its later fragments are ignored and not reported as another loss. */
	#lose(key: string, header: FragmentHeader, isLast: boolean, nowMs: number, reason: string): Joined {
		this.#forget(key);
		if (!isLast) this.#unfinished.set(key, { header, pieces: undefined, touchedAtMs: nowMs });
		return { state: "lost", reason };
	}

	#ignore(key: string, known: Unfinished, isLast: boolean, nowMs: number): Joined {
		known.touchedAtMs = nowMs;
		if (isLast) this.#forget(key);
		return { state: "ignored" };
	}

	#forget(key: string): void {
		const known = this.#unfinished.get(key);
		if (known?.pieces) this.#reservedBytes -= known.header.sizeBytes;
		this.#unfinished.delete(key);
	}
}

interface Unfinished {
	header: FragmentHeader;
	/** Undefined: the packet is lost. */
	pieces: Buffer[] | undefined;
	touchedAtMs: number;
}
