import { z } from "zod";
import { type ErrorCode, errorCatalogue, errorDetails } from "../../lib/error-catalogue.ts";
import { type ActionContract, impliedErrors } from "../../lib/service-contract.ts";
import { contractOf, contracts } from "../../services/contracts.ts";
import { anyEventErrors, type ClientEventContract, clientEvents, serverEvents } from "../../services/gateway/gateway.contract.ts";

const actions = Object.entries(contracts).flatMap(([service, contract]) =>
	Object.entries<ActionContract>(contract.actions).map(([name, action]): [string, ActionContract] => [
		`${service}.${name}`,
		action,
	]),
);
const publicActions = actions.filter(([, { access }]) => access !== "internal");
const clientEventEntries = Object.entries<ClientEventContract>(clientEvents);
const payloads = [
	...Object.entries(serverEvents),
	...Object.values(contracts).flatMap(({ events }) => Object.entries<z.ZodType>(events)),
];

test("every action that types know is found by its name, and no other", () => {
	expect(contractOf("applications.get")).toBe(contracts.applications.actions.get);
	for (const unknown of ["applications.remove", "unknown.get", "$node.list", "applications", ""]) {
		expect(contractOf(unknown)).toBeUndefined();
	}
});

test.each([...actions, ...clientEventEntries])("%s says in a sentence what it does", (_name, { description }) => {
	expect(description).toMatch(sentence);
});

test.each(payloads)("%s says in a sentence what has happened", (_name, payload) => {
	expect(payload.meta()?.description).toMatch(sentence);
});

test.each(publicActions)("%s has examples of its params, which its schema takes", (_name, { params }) => {
	expectGoodExamples(params);
});

test.each(clientEventEntries)("%s has examples of its payload, which its schema takes", (_name, { payload }) => {
	expectGoodExamples(payload);
});

test.each(publicActions)("%s lists the errors of its own rules, and none that its contract implies", (_name, contract) => {
	expect(contract.errors).toBeDefined();
	expectDistinct([...(contract.errors ?? []), ...impliedErrors(contract)]);
});

test.each(clientEventEntries)("%s lists its errors, and none that any event has", (_name, { errors }) => {
	expectDistinct([...errors, ...anyEventErrors]);
});

test.each(clientEventEntries)("%s is validated by the schema that it shows", (_name, { payload, validatedBy, errors }) => {
	const action = contractOf(validatedBy);
	if (validatedBy.includes(".")) expect(action?.params).toBe(payload);
	expect(errors).toEqual(expect.arrayContaining([...(action?.errors ?? [])]));
});

test.each(actions)("%s can be shown as JSON Schema", (_name, { params, result }) => {
	expect(z.toJSONSchema(params, { io: "input" })).toMatchObject({ type: "object" });
	z.toJSONSchema(result, { io: "output" });
});

test.each(clientEventEntries)("%s can be shown as JSON Schema", (_name, { payload, answer }) => {
	expect(z.toJSONSchema(payload, { io: "input" })).toMatchObject({ type: "object" });
	expect(z.toJSONSchema(answer, { io: "output" })).toMatchObject({ type: "object" });
});

test.each(payloads)("%s can be shown as JSON Schema", (_name, payload) => {
	expect(z.toJSONSchema(payload, { io: "output" })).toMatchObject({ type: "object" });
});

test.each(Object.entries(errorDetails))("the details of %s can be shown as JSON Schema", (code, details) => {
	expect(Object.keys(errorCatalogue)).toContain(code);
	expect(z.toJSONSchema(details)).toHaveProperty("type");
});

test("every field of a public action's params that the schema alone does not explain is described", () => {
	for (const [name, { params }] of publicActions) {
		const { properties = {} } = z.toJSONSchema(params, { io: "input" });
		for (const [field, property] of Object.entries(properties)) {
			const isPlain =
				typeof property === "object" && ("enum" in property || ["boolean", "integer"].includes(String(property.type)));
			const isEmail = typeof property === "object" && JSON.stringify(property).includes('"email"');
			const text = JSON.stringify(property);
			if (!isPlain && !isEmail) expect([name, field, text]).toEqual([name, field, expect.stringContaining('"description"')]);
		}
	}
});

const sentence = /^[A-Z`].{10,}\.$/;

function expectGoodExamples(schema: z.ZodType): void {
	const examples = schema.meta()?.examples;
	expect(examples).toEqual(expect.arrayContaining([expect.anything()]));
	for (const example of examples as unknown[]) {
		expect(schema.safeParse(example)).toMatchObject({ success: true });
		// A misspelt field would be ignored by the schema.
		const { properties = {} } = z.toJSONSchema(schema, { io: "input" });
		expect(Object.keys(properties)).toEqual(expect.arrayContaining(Object.keys(example as object)));
	}
}

function expectDistinct(codes: readonly ErrorCode[]): void {
	expect(codes).toEqual([...new Set(codes)]);
}
