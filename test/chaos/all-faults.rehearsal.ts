import { faults } from "./faults.ts";
import { describeFaults } from "./suite.ts";

// npm run rehearse:chaos
describeFaults(faults, "quiet");
