import type { TargetOf } from "../../../testing/target.ts";
import { describeAuthorization } from "./authorization.ts";
import { describeChatClient } from "./chat-client.ts";
import { describeConversations } from "./conversations.ts";
import { describeErrors } from "./errors.ts";
import { describeImages } from "./images.ts";
import { describeMessages } from "./messages.ts";
import { describePresence } from "./presence.ts";
import { describeProperties } from "./properties.ts";
import { describeRedelivery } from "./redelivery.ts";
import { describeSockets } from "./sockets.ts";
import { describeSync } from "./sync.ts";
import { describeTyping } from "./typing.ts";

/** All that clients are promised, whatever Parley is made of. */
export function describeCore(target: TargetOf): void {
	describeConversations(target);
	describeMessages(target);
	describeImages(target);
	describeSockets(target);
	describeSync(target);
	describePresence(target);
	describeTyping(target);
	describeRedelivery(target);
	describeAuthorization(target);
	describeErrors(target);
	describeChatClient(target);
	describeProperties(target);
}
