/** The folders of `services/`, as `SERVICES` names them. */
export const serviceNames = ["conversations", "directory", "gateway", "media", "messages", "notifier", "presence"] as const;
export type ServiceName = (typeof serviceNames)[number];

export function isServiceName(name: string): name is ServiceName {
	return serviceNames.some((known) => known === name);
}
