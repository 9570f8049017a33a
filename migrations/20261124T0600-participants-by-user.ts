/**
 * The index by user gets the conversation as a second column. In generic plans, PostgreSQL used the index on the user alone also
 * for a lookup by user and conversation. For a user with 10,000 conversations each such lookup read 10,000 rows.
 */
export const up = `
create index participants_user_conversation on participants (user_id, conversation_id);
drop index participants_user;
`;
