import { ParleyError } from "../../lib/errors.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { Result } from "../contracts.ts";
import type { ImageRow } from "./image.model.ts";

/** The conversation and the uploader of an image. Both never change. NOT_FOUND. */
export async function locateImage({ model }: WithModel<ImageRow>, imageId: string): Promise<Result<"media.locate">> {
	const row = await model.findByPk(imageId, { attributes: ["conversationId", "uploaderId"] });
	if (!row) throw new ParleyError("NOT_FOUND");
	const { conversationId, uploaderId } = row.get();
	return { conversationId, uploaderId };
}
