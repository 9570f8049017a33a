import { fileURLToPath } from "node:url";
import { type Child, launch } from "./children.ts";
import type { LoadEvent, LoadPlan } from "./load-plan.ts";

const script = fileURLToPath(new URL("load.ts", import.meta.url));

/** The process that generates the load. */
export class Generator {
	readonly child: Child;

	constructor(plan: LoadPlan) {
		this.child = launch("load generator", [script], { channel: true });
		this.child.process.send(plan);
	}

	/** Resolves with the next event of this kind; rejects when the generator ends before. */
	async waitFor<Kind extends LoadEvent["kind"]>(kind: Kind): Promise<Extract<LoadEvent, { kind: Kind }>> {
		const heard = Promise.withResolvers<Extract<LoadEvent, { kind: Kind }>>();
		const listen = (event: LoadEvent): void => {
			if (isKind(event, kind)) heard.resolve(event);
		};
		this.child.process.on("message", listen);
		try {
			return await Promise.race([heard.promise, this.child.failure()]);
		} finally {
			this.child.process.off("message", listen);
		}
	}
}

function isKind<Kind extends LoadEvent["kind"]>(event: LoadEvent, kind: Kind): event is Extract<LoadEvent, { kind: Kind }> {
	return event.kind === kind;
}
