import { resolve } from "node:path";
import { listOf, oneOf, onOff, Rule, text } from "./rule.ts";
import { isServiceName, serviceNames } from "./service-names.ts";
import { settingOf } from "./setting.ts";

const setting = settingOf("The process", "all");

const logLevels = ["fatal", "error", "warn", "info", "debug", "trace"] as const;

const folder = new Rule("the path of a folder", text.parse).to((path) => resolve(path));

const services = listOf(`one or more of ${serviceNames.join(", ")}, separated by commas`, isServiceName)
	.where((names) => names.length > 0, "name a service")
	.to((names) => [...new Set(names.filter(isServiceName))]);

export const node = {
	services: setting("SERVICES", services, {
		default: serviceNames.join(","),
		meaning: "The services that this process runs.",
	}),
	/** An absolute path. */
	dataDir: setting("DATA_DIR", folder, {
		default: ".data",
		meaning: "Where the embedded PostgreSQL and S3 keep their data, and where the secrets of an embedded start are kept.",
		embeddedOnly: true,
	}),
	demo: setting("DEMO", onOff, {
		unset: "`on` while PostgreSQL is embedded",
		meaning:
			"Whether an empty database gets two demo people and a job application. Only a process that runs both services does it.",
		services: ["directory", "gateway"],
	}),
	logLevel: setting("LOG_LEVEL", oneOf(logLevels), {
		default: "info",
		meaning: "The least important level that is logged.",
	}),
};
