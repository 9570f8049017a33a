import { Transporters } from "moleculer";

/** What nats-server takes by default (`max_payload`). */
const maxPayloadBytes = 1_048_576;

/** A bus within this process that refuses what NATS would refuse. */
export class BoundedBus extends Transporters.Fake {
	override async send(topic: string, data: Buffer): Promise<void> {
		if (data.length > maxPayloadBytes) throw new Error(`MAX_PAYLOAD_EXCEEDED: ${data.length} bytes for ${topic}`);
		await super.send(topic, data);
	}
}
