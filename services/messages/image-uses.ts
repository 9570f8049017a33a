import { type Database, statement } from "../../mixins/database.ts";
import type { Params, Result } from "../contracts.ts";
import { setChanged } from "../conversation-sql.ts";

/** Removes the image from its message and returns the message's position. Undefined when no message has the image. */
export async function dropImage(
	db: Database,
	conversationId: string,
	imageId: string,
): Promise<Result<"messages.locate"> | undefined> {
	const [position] = await db.query<Result<"messages.locate">>(dropStatement, [conversationId, imageId]);
	return position;
}

/** Which of these images are or were in a message. */
export function imageUses(db: Database, images: Params<"messages.imageUses">["images"]): Promise<Result<"messages.imageUses">> {
	return db.query(usesStatement, [images.map(({ conversationId }) => conversationId), images.map(({ imageId }) => imageId)]);
}

const dropStatement = statement(
	"messages.dropImage",
	`
	with dropped as (
		update messages set image = null, changed_xid = pg_current_xact_id()
		where conversation_id = $1 and image_id = $2 and image is not null
		returning conversation_id, seq
	),
	told as (
		update conversations c
		set ${setChanged}
		from dropped d where c.id = d.conversation_id
	)
	select conversation_id as "conversationId", seq from dropped`,
);

const usesStatement = statement(
	"messages.imageUses",
	`select m.image_id as "imageId", m.client_id as "clientId"
	from messages m join unnest($1::uuid[], $2::uuid[]) as wanted (conversation_id, image_id)
		on wanted.conversation_id = m.conversation_id and wanted.image_id = m.image_id`,
);
