import { rule, text } from "./rule.ts";
import { settingOf } from "./setting.ts";

const setting = settingOf("Images", ["media"]);

const keyPrefix = rule("a path such as parley/ of letters, digits and . _ -", isKeyPrefix).to((path) =>
	path.replace(/\/?$/, "/"),
);

export const media = {
	/** With a slash at the end. */
	keyPrefix: setting("S3_PREFIX", keyPrefix, {
		default: "parley/",
		meaning: "What the keys of all objects begin with. Parley never touches other objects in the bucket.",
	}),
	scanCommand: setting("MEDIA_SCAN_COMMAND", text, {
		unset: "no scan",
		meaning:
			"A virus scanner that reads an upload from its standard input and exits with 0 (clean) or 1 (infected). Words separated by spaces; there is no shell.",
	}),
	concurrency: setting("MEDIA_CONCURRENCY", rule("a whole number from 1 to 64", isConcurrency).to(Number), {
		default: "1",
		meaning: "How many images a process works on at a time.",
	}),
};

function isConcurrency(value: string): boolean {
	return /^\d{1,2}$/.test(value) && Number(value) >= 1 && Number(value) <= 64;
}

/** Characters that need no escape in a URL; no empty segment, none of dots alone, and short enough for a key. */
function isKeyPrefix(value: string): boolean {
	const segments = value.replace(/\/$/, "").split("/");
	return value.length <= 200 && segments.every((segment) => /^[\w.-]+$/.test(segment) && !/^\.+$/.test(segment));
}
