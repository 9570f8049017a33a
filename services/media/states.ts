/**
 * What becomes of an image. Every step is one conditional update of its row, so that of two who try one wins, on whatever node.
 *
 *     PENDING ──confirm──▶ READY ──▶ DELETING ──▶ GONE (it was sent) or no row (it was not)
 *        └────rejected, abandoned, deleted──▶ DELETING ──▶ no row
 *
 * 1. PENDING: the client may upload to `upload_key`, and only there. Nobody is given a URL to read it.
 * 2. Who confirms takes a lease on the row (`confirming_by`, `confirming_until`), writes the verified, re-encoded image and its
 *    renditions under keys chosen with the row, makes the row READY if it is still PENDING, and deletes the upload. Whoever finds
 *    the lease taken waits for the outcome. If the row is not PENDING any more, what was written is deleted again.
 * 3. READY: a message may claim it (`client_id`), once; see claim.ts.
 * 4. DELETING is the promise that the objects will be deleted: first the row says so, then they go, then the row does. It stays
 *    DELETING, and the clean-up tries again, when that fails; and also while somebody may still be about to write objects (a
 *    lease) or to store a message with the image (a claim of the last minute).
 * 5. An upload URL outlives its image by minutes: what arrives in `uploads/` late, nobody asks for. The clean-up empties it of
 *    what is older than a day.
 */

/** Longer than a confirmation takes, which is cut off before. */
export const leaseSeconds = 60;

/** After which an image that is not stored yet never will be. */
export const developSeconds = 25;

/** Longer than a send is under way. */
export const claimSettlesSeconds = 60;

/** How long an upload may wait to be confirmed, and an image to be sent. */
export const unsentHours = 24;

/** How long an image is kept after it was confirmed. */
export const retentionDays = 90;
