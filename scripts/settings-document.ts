import { allSettings } from "../lib/config/config.ts";
import { serviceNames } from "../lib/config/service-names.ts";
import type { Setting } from "../lib/config/setting.ts";

type AnySetting = Setting<unknown>;

/** The text of docs/settings.md, from the table of settings in lib/config. */
export function settingsDocument(): string {
	return [
		introduction,
		"## Which settings a service needs\n",
		table(["process", "settings"], [...commonRows(), ...serviceNames.map(serviceRow)]),
		...groups().flatMap(({ title, settings }) => [
			`## ${title}\n`,
			table(["variable", "default", "allowed", "meaning", "read by", "secret"], settings.map(settingRow)),
		]),
	].join("\n");
}

const introduction = `# Settings

<!-- Generated from lib/config by \`npm run docs:settings\`. Change the table there, not this file. -->

Settings are environment variables. A variable that is not set, or is empty, is taken from the file \`.env\` in the
working directory; \`ENV_FILE\` names another file. A value that is not allowed stops the start: one line on standard
error names the variable, and the exit code is 1.

\`SERVICES\`, \`PORT\`, \`HOST\`, \`DATA_DIR\` and \`LOG_LEVEL\` may differ from process to process. Any other setting should
have the same value in every process that reads it. The column «secret» marks values that give access to something: keep
them in a secret store.
`;

function commonRows(): string[][] {
	const common = allSettings.filter(({ about }) => about.services === "all");
	return [
		["every process", namesOf(common.filter(({ about }) => !about.embeddedOnly))],
		[`every process ${withEmbedded}, in addition`, namesOf(common.filter(({ about }) => about.embeddedOnly))],
	];
}

const withEmbedded = "with an embedded PostgreSQL or S3";

function serviceRow(service: (typeof serviceNames)[number]): string[] {
	const own = allSettings.filter(({ about }) => about.services !== "all" && about.services.includes(service));
	return [`${service}, in addition`, own.length > 0 ? namesOf(own) : "none"];
}

function settingRow({ variable, rule, about }: AnySetting): string[] {
	const readBy = about.services === "all" ? "every process" : about.services.join(", ");
	return [
		`\`${variable}\``,
		"default" in about ? (about.default === "" ? "none" : `\`${about.default}\``) : about.unset,
		rule.allowed,
		about.meaning,
		about.embeddedOnly ? `${readBy} ${withEmbedded}` : readBy,
		about.secret ? "yes" : "",
	];
}

function groups(): { title: string; settings: AnySetting[] }[] {
	const byTitle = Map.groupBy(allSettings, ({ group }) => group);
	return [...byTitle].map(([title, settings]) => ({ title, settings }));
}

function namesOf(settings: AnySetting[]): string {
	return settings.map(({ variable }) => `\`${variable}\``).join(", ");
}

function table(head: string[], rows: string[][]): string {
	const lines = [head, head.map(() => "---"), ...rows.map((cells) => cells.map((cell) => cell.replaceAll("|", "\\|")))];
	return lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
