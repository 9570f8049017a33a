/**
 * A look for undelivered messages goes through a user's conversations in the order of their ids, and stops after a few: this index
 * gives them in that order, and serves whatever looks for a user's conversations as well as the one that it replaces.
 */
export const up = `
create index participants_user_conversation on participants (user_id, conversation_id);
drop index participants_user;
`;
