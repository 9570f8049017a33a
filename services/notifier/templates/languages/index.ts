/** One line for each language, under its tag (ISO 639). */
export { de } from "./de.ts";
export { en } from "./en.ts";
export { tr } from "./tr.ts";
