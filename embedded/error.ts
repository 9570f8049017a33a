/** An embedded part cannot run here. The message is one line that says what to do. */
export class EmbeddedError extends Error {
	override name = "EmbeddedError";
}
