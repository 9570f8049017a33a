import type { Service, ServiceBroker, ServiceSchema } from "moleculer";
import DbService from "moleculer-db";
import SequelizeAdapter from "moleculer-db-adapter-sequelize";
import { type ModelAttributes, type ModelStatic, Sequelize, type Model as SequelizeModel } from "sequelize";

/** A table as Sequelize sees it; migrations make it. */
export interface Table {
	name: string;
	define: ModelAttributes;
}

/** What the mixin adds to a service. */
export interface WithModel<Row extends object> extends Service {
	model: ModelStatic<SequelizeModel<Row, Partial<Row>>>;
	adapter: { db: Sequelize };
}

/** moleculer-db on one table, where CRUD is CRUD. It publishes no actions of its own: a service offers what its contract says. */
export function crud(table: Table): Partial<ServiceSchema> {
	return {
		mixins: [DbService],
		adapter: new Adapter({}),
		model: { name: table.name, define: table.define, options: { tableName: table.name, underscored: true } },
		actions: Object.fromEntries(generatedActions.map((name) => [name, false])),
	} as Partial<ServiceSchema>;
}

const generatedActions = ["find", "count", "list", "create", "insert", "get", "update", "remove"];

/** Connects with the node's settings, which are not known yet where a schema is written. */
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
		logging: false,
		pool: { max: 5 },
		dialectOptions: { application_name: "parley" },
	});
}
