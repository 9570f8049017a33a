import { Rule, text } from "./rule.ts";
import { settingOf } from "./setting.ts";
import { urlsOf } from "./urls.ts";

const setting = settingOf("NATS", "all");

export const bus = {
	natsUrl: setting("NATS_URL", urlsOf(["nats", "tls"]).where(haveOneLogin, "not name different users"), {
		unset: "one process alone",
		meaning:
			"The bus between processes, with `user:password@` or `token@` if it needs that. Requires `DATABASE_URL` and `REDIS_URL`.",
		secret: true,
	}),
	natsCredentialsFile: setting("NATS_CREDENTIALS_FILE", new Rule("the path of a file", text.parse), {
		unset: "none",
		meaning:
			"The path of a NATS credentials file (a JWT and an NKEY, as `nsc` writes them). It is read again for each connection.",
	}),
};

/** All servers of a cluster know the same users, and nats.js sends the same login to each. */
function haveOneLogin(urls: string): boolean {
	const logins = urls.split(",").map((url) => {
		const { username, password } = new URL(url.trim());
		return `${username}:${password}`;
	});
	return new Set(logins.filter((login) => login !== ":")).size <= 1;
}
