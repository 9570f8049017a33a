import { QueryTypes } from "sequelize";
import type { WithModel } from "../../mixins/crud.ts";

/**
 * Runs an `insert … on conflict … do update … where … returning *` and returns the row. Undefined when the condition refused the
 * update: a condition is what Sequelize's own `upsert` does not have (docs/adr/0023).
 */
export async function upsert<Row extends object>(
	{ model, adapter }: WithModel<Row>,
	sql: string,
	values: unknown[],
): Promise<Row | undefined> {
	const [row] = await adapter.db.query(sql, { bind: values, type: QueryTypes.SELECT, model, mapToModel: true });
	return row?.get();
}
