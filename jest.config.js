/** ESM-only packages that Jest must transform, since it loads modules as CommonJS. */
const esmOnly = [
	"intl-messageformat",
	"@formatjs",
	"temporal-polyfill",
	"temporal-utils",
	"thumbhash",
	"jose",
	"uuid",
	"@exodus",
	"@asamuzakjp",
	"@csstools",
	"parse5",
	"entities",
];

/** @type {import("jest").Config} */
export default {
	testEnvironment: "<rootDir>/test/support/leak-guard.ts",
	testMatch: ["<rootDir>/test/**/*.test.ts"],
	// A machine may be busy with other things.
	testTimeout: 30_000,
	globalSetup: "<rootDir>/test/support/global-setup.ts",
	globalTeardown: "<rootDir>/test/support/global-teardown.ts",
	testSequencer: "<rootDir>/test/support/sequencer.mjs",
	// As many as CI has cores. The sequencer relies on it.
	maxWorkers: 2,
	// What a file loaded stays in its worker, and coverage reads through all of it after each file. A new worker is cheaper.
	workerIdleMemoryLimit: "600MB",
	extensionsToTreatAsEsm: [],
	transform: {
		"\\.m?[jt]s$": ["@swc/jest", { jsc: { target: "es2024", parser: { syntax: "typescript" } }, module: { type: "commonjs" } }],
	},
	// Istanbul would count the branches of what swc adds for CommonJS.
	coverageProvider: "v8",
	collectCoverageFrom: ["{services,lib,mixins,middlewares,migrations,embedded}/**/*.ts", "!**/*.d.ts"],
	coverageThreshold: {
		// Everything. `global` would be all but the folders that are named here.
		"./": { lines: 85, branches: 85 },
		"./services/conversations/": { lines: 90, branches: 90 },
		"./services/messages/": { lines: 90, branches: 90 },
		"./services/media/": { lines: 85, branches: 85 },
		"./services/gateway/": { lines: 80, branches: 80 },
	},
	transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join("|")})/)`],
};
