import { faults } from "./faults.ts";
import { describeFaults } from "./suite.ts";

describeFaults(
	faults.filter(({ isRehearsed }) => !isRehearsed),
	"busy",
);
