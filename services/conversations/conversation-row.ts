import type { Conversation } from "./conversations.contract.ts";

/** A conversation with both participants' cursors, as the select list below has it. */
export interface ConversationRow {
	id: string;
	user1_id: string;
	user2_id: string;
	job_application_id: string;
	status: Conversation["status"];
	last_seq: number;
	last_message_at: string | null;
	archived_at: string | null;
	archived_by: string | null;
	created_at: string;
	updated_at: string;
	read1: number;
	read2: number;
	delivered1: number;
	delivered2: number;
	muted1: string | null;
	muted2: string | null;
	unread1: number;
	unread2: number;
}

/**
 * `select … from …` of conversations `c` with participants `p1` (the applicant) and `p2` (the employer). The unread counts are
 * differences of sums that the rows contain (docs/adr/0005), so no message is counted.
 */
export const selectConversations = `
	select c.id, c.user1_id, c.user2_id, c.job_application_id, c.status, c.last_seq, c.last_message_at, c.archived_at, c.archived_by,
		c.created_at, c.updated_at,
		p1.read_seq as read1, p2.read_seq as read2, p1.delivered_seq as delivered1, p2.delivered_seq as delivered2,
		p1.muted_until as muted1, p2.muted_until as muted2,
		c.last_seq - c.user1_sent - p1.others_read as unread1, c.last_seq - c.user2_sent - p2.others_read as unread2
	from conversations c
	join participants p1 on p1.conversation_id = c.id and p1.user_id = c.user1_id
	join participants p2 on p2.conversation_id = c.id and p2.user_id = c.user2_id`;
