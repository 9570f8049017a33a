import { isRate, toRate } from "../rate.ts";
import { rule } from "./rule.ts";
import { settingOf } from "./setting.ts";

const setting = settingOf("Limits", ["gateway"]);

const rate = rule("off, or a number per second, minute, hour or day, such as 100/hour", isRate).to(toRate);

const maximum = rule("off, or a whole number from 1 to 999999", (value) => /^(off|[1-9]\d{0,5})$/.test(value)).to((value) =>
	value === "off" ? value : Number(value),
);

/** How often something may happen before the answer is RATE_LIMITED. */
export const rateLimits = {
	messages: setting("RATE_LIMIT_MESSAGES", rate, {
		default: "100/hour",
		meaning: "New messages of a user.",
		services: ["messages"],
	}),
	uploads: setting("RATE_LIMIT_UPLOADS", rate, {
		default: "10/hour",
		meaning: "Image uploads of a user.",
		services: ["media"],
	}),
	confirms: setting("RATE_LIMIT_CONFIRMS", rate, {
		default: "30/hour",
		meaning: "Confirmations of a user's uploads.",
		services: ["media"],
	}),
	conversations: setting("RATE_LIMIT_CONVERSATIONS", rate, {
		default: "20/hour",
		meaning: "New conversations of a user.",
		services: ["conversations"],
	}),
	queries: setting("RATE_LIMIT_QUERIES", rate, {
		default: "60/hour",
		meaning: "Queries of a user over REST.",
		services: ["conversations", "media", "messages", "notifier", "presence"],
	}),
	socketQueries: setting("RATE_LIMIT_SOCKET_QUERIES", rate, { default: "20/second", meaning: "Queries over one socket." }),
	socketEvents: setting("RATE_LIMIT_SOCKET_EVENTS", rate, {
		default: "100/second",
		meaning: "All events that a client sends over one socket.",
	}),
	authFailures: setting("RATE_LIMIT_AUTH_FAILURES", rate, {
		default: "30/minute",
		meaning: "Failed authentications from one address.",
	}),
};

/** How many connections one gateway accepts. */
export const connectionLimits = {
	maxSocketsPerUser: setting("MAX_SOCKETS_PER_USER", maximum, {
		default: "50",
		meaning: "Sockets of one user on one gateway.",
	}),
	maxUnauthenticatedPerAddress: setting("MAX_UNAUTHENTICATED_PER_ADDRESS", maximum, {
		default: "1000",
		meaning: "Connections of one address to one gateway that are not authenticated yet.",
	}),
};
