/** The URL at which programs on the same machine reach a gateway that listens on `host` and `port`. */
export function localUrl({ host, port }: { host: string; port: number }): string {
	if (everyAddress.has(host)) return `http://localhost:${port}`;
	return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

const everyAddress = new Set(["0.0.0.0", "::"]);
