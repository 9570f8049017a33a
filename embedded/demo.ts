import type { ServiceBroker } from "moleculer";
import pg from "pg";
import { localUrl } from "../lib/local-url.ts";
import { signToken } from "../lib/token.ts";
import { callsOf } from "../services/contracts.ts";

const people = [
	{ id: "alice", name: "Alice Applicant", email: "alice@example.org", locale: "en" },
	{ id: "bob", name: "Bob Employer", email: "bob@example.org", locale: "en" },
];
const applicationId = "demo-application";
const ttlSeconds = 24 * 60 * 60;

/** On an empty database, makes two users and an application between them, and prints the first steps. */
export async function offerDemo(broker: ServiceBroker, isEnabled: boolean): Promise<void> {
	const { jwt, databaseUrl, mailFolder } = broker.config;
	const hasServices = broker.getLocalService("gateway") && broker.getLocalService("users");
	if (!isEnabled || !hasServices || !(await isEmpty(databaseUrl))) return;
	await makeDemoData(broker);
	const { secret } = jwt;
	if (secret === undefined) return;
	const tokens = await Promise.all(
		people.map(({ id }) => signToken({ sub: id, role: "user", ttlSeconds, jwt: { ...jwt, secret } })),
	);

	const url = localUrl(broker.config);
	process.stdout.write(`
Parley runs on ${url}. The database was empty, so two people and a job application
were made (DEMO=off prevents this). Their tokens are valid for a day (npm run token makes more):

${people.map(({ id }, i) => `${id}: ${tokens[i]}`).join("\n")}

Open a conversation as Alice:

curl -X POST ${url}/conversations -H 'Content-Type: application/json' \\
  -H 'Authorization: Bearer ${tokens[0]}' -d '{"jobApplicationId":"${applicationId}"}'
${mailFolder ? `\nThe mails about unread messages are written to ${mailFolder}.\n` : ""}
`);
}

async function makeDemoData(broker: ServiceBroker): Promise<void> {
	const calls = callsOf(broker);
	const asPlatform = { meta: { user: { id: "demo", role: "platform" } } };
	for (const person of people) await calls.call("users.put", person, asPlatform);
	const [applicant, employer] = people as [(typeof people)[0], (typeof people)[0]];
	await calls.call(
		"applications.put",
		{ id: applicationId, applicantId: applicant.id, employerId: employer.id, jobTitle: "Lighthouse keeper", status: "SUBMITTED" },
		asPlatform,
	);
}

async function isEmpty(databaseUrl: string): Promise<boolean> {
	const client = new pg.Client({ connectionString: databaseUrl });
	await client.connect();
	try {
		const { rowCount } = await client.query("select from users limit 1");
		return rowCount === 0;
	} finally {
		await client.end();
	}
}
