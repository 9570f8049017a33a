/**
 * For actions that change a conversation: from wherever they are called, one node does those of one conversation, which batches
 * and orders them. When nodes come and go two may do so for a moment: the row lock keeps that right.
 */
export const sharded = { strategy: "Shard", strategyOptions: { shardKey: "conversationId" } };
