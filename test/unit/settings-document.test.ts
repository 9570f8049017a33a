import { readFileSync } from "node:fs";
import { join } from "node:path";
import { allSettings, settingNames } from "../../lib/config/config.ts";
import { rateLimits } from "../../lib/config/limits.ts";
import { settingsDocument } from "../../scripts/settings-document.ts";
import { contracts } from "../../services/contracts.ts";

test("docs/settings.md is what the table of settings says", () => {
	const isCurrent = readFileSync(join(__dirname, "../../docs/settings.md"), "utf8") === settingsDocument();
	expect(isCurrent ? "current" : "docs/settings.md is out of date: run npm run docs:settings").toBe("current");
});

test("each variable is defined once, and its meaning is one or two sentences", () => {
	expect(new Set(settingNames).size).toBe(settingNames.length);
	for (const { variable, about } of allSettings) {
		expect(`${variable}: ${about.meaning}`).toMatch(/^\w+: \S.*\.$/);
	}
});

test("the services that read a rate limit are those whose contracts have it", () => {
	const folderOf = (service: string) => (service === "users" || service === "applications" ? "directory" : service);
	const counted = Object.entries(contracts).flatMap(([service, { actions }]) =>
		Object.values<object>(actions).flatMap((action) =>
			"rateLimit" in action ? [`${String(action.rateLimit)}: ${folderOf(service)}`] : [],
		),
	);
	// The gateway counts these three itself.
	const { socketQueries: _, socketEvents: __, authFailures: ___, ...ofActions } = rateLimits;
	const inTable = Object.entries(ofActions).flatMap(([name, { about }]) =>
		about.services === "all" ? [] : about.services.map((service) => `${name}: ${service}`),
	);
	expect(inTable.sort()).toEqual([...new Set(counted)].sort());
});
