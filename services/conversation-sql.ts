/*
 * SQL fragments about a conversation's row, which the services `conversations` and `messages` share. `user1_id` is the applicant,
 * `user2_id` the employer. `user1_sent` and `user2_sent` say how many messages each of them has written: all of them in the
 * conversation's row, those up to a message in that message's row.
 */

/** The participant who is not `user`. `user` is an SQL expression, `conversation` names the table or its alias. */
export const otherParticipant = (user: string, conversation: string) =>
	`case ${user} when ${conversation}.user1_id then ${conversation}.user2_id else ${conversation}.user1_id end`;

/** How many messages `user` has written, according to the row `counted`: the conversation's row, or a message's. */
export const sentBy = (user: string, conversation: string, counted = conversation) =>
	`case ${user} when ${conversation}.user1_id then ${counted}.user1_sent else ${counted}.user2_sent end`;

/**
 * What an update of a conversation sets, so that `sync` reports the change. A later change always has a later time, so
 * that clients can see which of two announcements is newer.
 */
export const setChanged =
	"updated_at = greatest(clock_timestamp(), updated_at + interval '1 ms'), changed_xid = pg_current_xact_id()";
