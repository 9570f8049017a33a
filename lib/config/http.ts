import { listOf, rule } from "./rule.ts";
import { settingOf } from "./setting.ts";
import { baseUrl } from "./urls.ts";

const setting = settingOf("HTTP and sockets", ["gateway"]);

const port = rule("a whole number from 0 to 65535", isPort).to(Number);
const host = rule("a host name or an IP address", (value) => /^[\w.:%-]+$/.test(value));
const proxyCount = rule("a number of proxies from 0 to 99", (value) => /^\d{1,2}$/.test(value)).to(Number);
const origins = listOf("* or a comma-separated list of origins such as https://example.org", isOrigin)
	.where((items) => items.length === 1 || !items.includes("*"), "be * alone or a list without it")
	.to((items) => items.map(asBrowsersSend));

export const http = {
	port: setting("PORT", port, { default: "3000", meaning: "The port of HTTP and sockets. `0` takes any free port." }),
	host: setting("HOST", host, { default: "0.0.0.0", meaning: "The address that the gateway listens on." }),
	trustProxy: setting("TRUST_PROXY", proxyCount, {
		default: "0",
		meaning:
			"How many proxies stand in front of the gateway. Each adds the address of its client to `X-Forwarded-For`; limits by address need the right number.",
	}),
	corsOrigins: setting("CORS_ORIGINS", origins, {
		default: "",
		meaning:
			"The origins whose pages may call Parley, besides the gateway's own; `*` for all. A bucket that media creates gets the same origins.",
		services: ["gateway", "media"],
	}),
	appUrl: setting("APP_URL", baseUrl, {
		unset: "`http://localhost:3000`, or what `PORT` and `HOST` say in its place",
		meaning:
			"Where people open the app. Notifications link to it. While `CORS_ORIGINS` is not set, a bucket that media creates allows this origin.",
		services: ["media", "notifier"],
	}),
};

function isPort(value: string): boolean {
	return /^\d{1,5}$/.test(value) && Number(value) <= 65535;
}

/** App shells have other schemes than http(s): capacitor://localhost. */
function isOrigin(value: string): boolean {
	return value === "*" || (/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+\/?$/i.test(value) && URL.canParse(value));
}

/** Browsers send `https://Example.org:443/` as `https://example.org`. */
function asBrowsersSend(origin: string): string {
	return /^https?:/i.test(origin) ? new URL(origin).origin : origin.replace(/\/$/, "");
}
