/**
 * The index by user now has the conversation too. With the user alone the planner took it for a lookup by both, as soon as it
 * made a plan for any parameters: for somebody with 10,000 conversations it read 10,000 rows for each of them.
 */
export const up = `
create index participants_user_conversation on participants (user_id, conversation_id);
drop index participants_user;
`;
