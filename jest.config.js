/** ESM-only packages that Jest must transform, since it loads modules as CommonJS. */
const esmOnly = ["thumbhash", "jose", "uuid", "@exodus", "@asamuzakjp", "@csstools", "parse5", "entities"];

/** @type {import("jest").Config} */
export default {
	testEnvironment: "node",
	testMatch: ["<rootDir>/test/**/*.test.ts"],
	globalSetup: "<rootDir>/test/support/global-setup.ts",
	globalTeardown: "<rootDir>/test/support/global-teardown.ts",
	extensionsToTreatAsEsm: [],
	transform: {
		"\\.m?[jt]s$": ["@swc/jest", { jsc: { target: "es2024", parser: { syntax: "typescript" } }, module: { type: "commonjs" } }],
	},
	transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join("|")})/)`],
};
