import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import { notReady } from "./claim.ts";
import type { StoredImage } from "./media.contract.ts";
import { type ReadyRow, readyColumns, toStoredImage } from "./stored-image.ts";

/** NOT_FOUND when it is gone or about to go; IMAGE_NOT_READY. */
export async function get(db: Database, imageId: string): Promise<StoredImage> {
	const [row] = await db.query<ReadyRow & { status: string }>(getStatement, [imageId]);
	if (row?.status === "PENDING") throw notReady("NOT_CONFIRMED");
	if (row?.status !== "READY") throw new ParleyError("NOT_FOUND");
	return toStoredImage(row);
}

const getStatement = statement("media.get", `select status, ${readyColumns} from images where id = $1`);
