import { NotAllowed, type Rule } from "./rule.ts";
import type { ServiceName } from "./service-names.ts";

export type Environment = Record<string, string | undefined>;

/** The services that read a setting. `all`: every process reads it, whatever it runs. */
export type Readers = "all" | readonly ServiceName[];

interface About {
	/** One or two sentences for operators, in Markdown. */
	meaning: string;
	services: Readers;
	/** The value gives access to something, so it belongs in a secret store. */
	secret?: true;
	/** Only a process with an embedded PostgreSQL or S3 reads it. */
	embeddedOnly?: true;
}

/** Either the text that is its default, or what happens while it is not set. */
type Absence = { default: string } | { unset: string };

/** One environment variable: how it is read, and what docs/settings.md and the manifests say about it. */
export class Setting<T> {
	readonly variable: string;
	readonly group: string;
	readonly rule: Rule<T>;
	readonly about: About & Absence;

	constructor(variable: string, group: string, rule: Rule<T>, about: About & Absence) {
		this.variable = variable;
		this.group = group;
		this.rule = rule;
		this.about = about;
	}

	/** Undefined when it is not set and has no default. Also undefined when it is not allowed: then this adds to `problems`. */
	read(env: Environment, problems: string[]): T | undefined {
		const value = env[this.variable] || ("default" in this.about ? this.about.default : undefined);
		if (value === undefined) return undefined;
		try {
			return this.rule.parse(value);
		} catch (error) {
			if (!(error instanceof NotAllowed)) throw error;
			problems.push(`${this.variable} ${error.message}`);
			return undefined;
		}
	}
}

/** Returns a function that defines the settings of a group. `services` holds for each setting that does not name its own. */
export function settingOf(group: string, services: Readers) {
	type Given = Omit<About, "services"> & Partial<Pick<About, "services">>;
	function setting<T>(variable: string, rule: Rule<T>, about: Given & { default: string }): Setting<T>;
	function setting<T>(variable: string, rule: Rule<T>, about: Given & { unset: string }): Setting<T | undefined>;
	function setting<T>(variable: string, rule: Rule<T>, about: Given & Absence): Setting<T> {
		return new Setting(variable, group, rule, { services, ...about });
	}
	return setting;
}

/** Settings as they are arranged in `Config`. */
export interface Settings {
	[key: string]: Setting<unknown> | Settings;
}

export function listSettings(settings: Settings): Setting<unknown>[] {
	return Object.values(settings).flatMap((entry) => (entry instanceof Setting ? entry : listSettings(entry)));
}

/** The values of all settings. The result is complete only if `problems` stays empty. */
export function readSettings(settings: Settings, env: Environment, problems: string[]): Record<string, unknown> {
	const values: Record<string, unknown> = {};
	for (const [key, entry] of Object.entries(settings)) {
		const value = entry instanceof Setting ? entry.read(env, problems) : readSettings(entry, env, problems);
		if (value !== undefined) values[key] = value;
	}
	return values;
}

/** The type of what `readSettings` returns: a setting without a default is an optional property. */
export type Values<T> = {
	[K in keyof T as undefined extends ValueOf<T[K]> ? never : K]: ValueOf<T[K]>;
} & {
	[K in keyof T as undefined extends ValueOf<T[K]> ? K : never]?: Exclude<ValueOf<T[K]>, undefined>;
};

type ValueOf<S> = S extends Setting<infer T> ? T : Values<S>;
