/** The package has no types of its own. */
declare module "moleculer-io" {
	import type { ServiceSchema } from "moleculer";

	const mixin: Partial<ServiceSchema>;
	export default mixin;
}
