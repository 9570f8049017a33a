/** Runs first, in any version of Node. An old version cannot run TypeScript, and would only print a stack trace. */

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isOld = major < 22 || (major === 22 && minor < 18) || (major === 23 && minor < 6);

if (isOld) {
	process.stderr.write(
		`Parley needs Node 22.18 or newer, and this is ${process.versions.node}: install a newer one, or run npm ci without --omit=dev, which brings Node 24 along\n`,
	);
	process.exit(1);
}
