import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import { imageNotReady } from "./claim-image.ts";
import type { StoredImage } from "./media.contract.ts";
import { type ReadyRow, readyColumns, toStoredImage } from "./stored-image.ts";

/** NOT_FOUND when it is deleted or being deleted; IMAGE_NOT_READY. */
export async function getImage(db: Database, imageId: string): Promise<StoredImage> {
	const [row] = await db.query<ReadyRow & { status: string }>(getStatement, [imageId]);
	if (row?.status === "PENDING") throw imageNotReady("NOT_CONFIRMED");
	if (row?.status !== "READY") throw new ParleyError("NOT_FOUND");
	return toStoredImage(row);
}

const getStatement = statement("media.get", `select status, ${readyColumns} from images where id = $1`);
