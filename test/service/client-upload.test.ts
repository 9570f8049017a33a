import type { IncomingMessage } from "node:http";
import { RestClient } from "../../client/rest.ts";
import { picture } from "../support/images.ts";
import { type Person, useMediaNode } from "../support/media-node.ts";

jest.setTimeout(60_000);

let rest: RestClient;
let alice: Person;
let conversationId: string;
let photo: Blob;

const node = useMediaNode();

beforeAll(async () => {
	photo = new Blob([new Uint8Array(await picture().jpeg().toBuffer())], { type: "image/jpeg" });
});

beforeEach(async () => {
	({ alice, id: conversationId } = await node.conversation());
	rest = new RestClient({ baseUrl: node.url, token: alice.token });
});

afterEach(() => {
	node.storage.refuses = () => false;
});

/** Refuses what `isMeant` for the first `times` times, and gives how often it was asked. */
function refuse(times: number, isMeant: (req: IncomingMessage) => boolean): () => number {
	let asked = 0;
	node.storage.refuses = (req) => isMeant(req) && ++asked <= times;
	return () => asked;
}

/** What the client puts goes to `uploads/`, and what the server does with it begins with a look. */
const isPut = ({ method, url }: IncomingMessage) => method === "PUT" && String(url).includes("/uploads/");
const isLook = ({ method, url }: IncomingMessage) => method !== "PUT" && String(url).includes("/uploads/");

test("an upload is confirmed again while the storage is away", async () => {
	// Each confirmation asks the storage several times before it gives up.
	const asked = refuse(4, isLook);
	expect(await rest.uploadImage(conversationId, photo)).toMatchObject({ width: 64, height: 48 });
	expect(asked()).toBeGreaterThan(4);
});

test("an upload that the storage did not take is put again", async () => {
	const asked = refuse(1, isPut);
	expect(await rest.uploadImage(conversationId, photo)).toMatchObject({ width: 64, height: 48 });
	expect(asked()).toBe(2);
});

test("an upload that stays impossible is given up, and an image that is refused is not tried again", async () => {
	const asked = refuse(Number.POSITIVE_INFINITY, isPut);
	await expect(rest.uploadImage(conversationId, photo)).rejects.toMatchObject({ code: "UNAVAILABLE", status: 503 });
	expect(asked()).toBe(3);
	node.storage.refuses = () => false;
	const nonsense = new Blob(["no picture"], { type: "image/jpeg" });
	await expect(rest.uploadImage(conversationId, nonsense)).rejects.toMatchObject({ code: "IMAGE_REJECTED" });
});
