import { text } from "./rule.ts";
import { settingOf } from "./setting.ts";
import { httpUrl } from "./urls.ts";

const setting = settingOf("Tokens", ["gateway"]);

export const tokens = {
	secret: setting("JWT_SECRET", text, {
		unset: "made once in `DATA_DIR` while PostgreSQL is embedded",
		meaning: "The key of HS256 tokens. With `DATABASE_URL`, a gateway requires this or `JWT_JWKS_URL`.",
		secret: true,
	}),
	jwksUrl: setting("JWT_JWKS_URL", httpUrl, {
		unset: "none",
		meaning: "Where the public keys of RS256, ES256 and EdDSA tokens are published.",
	}),
	issuer: setting("JWT_ISSUER", text, { unset: "not checked", meaning: "What the claim `iss` of a token must be." }),
	audience: setting("JWT_AUDIENCE", text, {
		unset: "not checked",
		meaning: "What the claim `aud` of a token must be or contain.",
	}),
};
