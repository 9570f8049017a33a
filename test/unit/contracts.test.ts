import { contractOf, contracts } from "../../services/contracts.ts";

test("every action that types know is found by its name, and no other", () => {
	expect(contractOf("applications.get")).toBe(contracts.applications.actions.get);
	for (const unknown of ["applications.remove", "unknown.get", "$node.list", "applications", ""]) {
		expect(contractOf(unknown)).toBeUndefined();
	}
});
