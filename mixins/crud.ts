import type { Context, Service, ServiceBroker, ServiceSchema } from "moleculer";
import DbService from "moleculer-db";
import SequelizeAdapter from "moleculer-db-adapter-sequelize";
import pg from "pg";
import { type ModelAttributes, type ModelStatic, Sequelize, type Model as SequelizeModel } from "sequelize";
import { ParleyError } from "../lib/errors.ts";
import { connectTimeoutMs } from "../lib/timeouts.ts";
import { isUnavailable } from "../lib/unavailable.ts";
import { connectionClass, connectionSettings } from "./postgres.ts";

/** A table, as Sequelize knows it. Migrations create it. */
export interface Table {
	name: string;
	define: ModelAttributes;
}

/** What the mixin adds to a service. */
export interface WithModel<Row extends object> extends Service {
	model: ModelStatic<SequelizeModel<Row, Partial<Row>>>;
	adapter: { db: Sequelize };
}

/** moleculer-db for one table. Its generated actions are off: a service has only the actions of its contract. */
export function crud(table: Table): Partial<ServiceSchema> {
	return {
		mixins: [DbService],
		adapter: new Adapter({}),
		model: { name: table.name, define: table.define, options: { tableName: table.name, underscored: true } },
		actions: Object.fromEntries(generatedActions.map((name) => [name, false])),
		hooks: { error: { "*": withCatalogueCode } },
	} as Partial<ServiceSchema>;
}

const generatedActions = ["find", "count", "list", "create", "insert", "get", "update", "remove"];

/** Gives Sequelize's connection errors the code UNAVAILABLE. Other nodes do not receive the part by which they are recognised. */
function withCatalogueCode(_ctx: Context, error: Error): never {
	if (error instanceof ParleyError || !isUnavailable(error)) throw error;
	throw new ParleyError("UNAVAILABLE", { cause: error });
}

/** Connects with the node's settings. They are not known yet when the schema is defined, only in `init`. */
class Adapter extends SequelizeAdapter {
	override init(broker: ServiceBroker, service: Service): void {
		// The fourth option keeps the adapter from creating the table.
		const options = [connect(broker.config.databaseUrl), undefined, undefined, { noSync: true }];
		Object.assign(this, { opts: options });
		super.init(broker, service);
	}
}

function connect(url: string): Sequelize {
	return new Sequelize(url, {
		dialect: "postgres",
		dialectModule: { ...pg, Client: connectionClass(url) },
		dialectOptions: connectionSettings,
		logging: false,
		pool: { max: 5, acquire: connectTimeoutMs },
	});
}
