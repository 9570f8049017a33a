import { up as conversations } from "./20261123T0600-conversations.ts";
import { up as images } from "./20261123T0700-images.ts";

/** Every migration by its name, in the order in which they run. A name, once released, never changes. */
export const migrations: Record<string, string> = {
	"20261123T0600-conversations": conversations,
	"20261123T0700-images": images,
};
