/**
 * For actions that change a conversation: all calls for one conversation go to the same node, which batches and orders them. When
 * nodes start or stop, two nodes may handle one conversation for a moment. The lock on the conversation's row keeps that correct.
 */
export const sharded = { strategy: "Shard", strategyOptions: { shardKey: "conversationId" } };
