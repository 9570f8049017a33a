import type { Database, Statement } from "../../mixins/database.ts";

/** All rows of a statement, page by page, in the order of their ids. Its parameters: the id to continue after, and the page size. */
export async function* rowsById<Row extends { id: string }>(
	db: Database,
	pageStatement: Statement,
	pageSize: number,
): AsyncGenerator<Row> {
	for (let after = lowestId; ; ) {
		const rows = await db.query<Row>(pageStatement, [after, pageSize]);
		yield* rows;
		const last = rows.at(-1);
		if (!last || rows.length < pageSize) return;
		after = last.id;
	}
}

const lowestId = "00000000-0000-0000-0000-000000000000";
