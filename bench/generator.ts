import { fileURLToPath } from "node:url";
import { type Child, launch } from "./children.ts";
import type { LoadEvent, LoadOrder } from "./orders.ts";

const script = fileURLToPath(new URL("load.ts", import.meta.url));

/** The load generator's process. */
export class Generator {
	readonly child: Child;

	constructor(order: LoadOrder) {
		this.child = launch("load generator", [script], { channel: true });
		this.child.process.send(order);
	}

	/** The next event of that kind; rejects when the generator ends without it. */
	async hear<Kind extends LoadEvent["kind"]>(kind: Kind): Promise<Extract<LoadEvent, { kind: Kind }>> {
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
