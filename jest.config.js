/** ESM-only packages that Jest must transform, since it loads modules as CommonJS. */
const esmOnly = ["jose", "uuid"];

/** @type {import("jest").Config} */
export default {
	testEnvironment: "node",
	testMatch: ["<rootDir>/test/**/*.test.ts"],
	extensionsToTreatAsEsm: [],
	transform: {
		"\\.[jt]s$": ["@swc/jest", { jsc: { target: "es2024", parser: { syntax: "typescript" } }, module: { type: "commonjs" } }],
	},
	transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join("|")})/)`],
};
