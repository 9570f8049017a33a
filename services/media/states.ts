/**
 * What becomes of an image. Every step is one conditional update of its row, so that of two who try one wins, on whatever node.
 *
 *     PENDING ──confirm──▶ READY ──▶ DELETING ──▶ GONE (it was sent) or no row (it was not)
 *        └────rejected, abandoned, deleted──▶ DELETING ──▶ no row
 *
 * 1. PENDING: the client may upload to `upload_key`, and only there. Nobody is given a URL to read it.
 * 2. Who confirms takes a lease on the row (`confirming_by`, `confirming_until`), writes the verified, re-encoded image and its
 *    renditions under keys chosen with the row, makes the row READY if the lease is still its own, and deletes the upload. Whoever
 *    finds the lease taken waits for the outcome. Whoever has lost the lease goes by the row: READY is the answer, and only of a row
 *    that is to be deleted, or was, are objects deleted again. Everything that is done under a lease ends well before it.
 *    The lease counts as an attempt (`attempts`) until there is an outcome that says nothing against the image: the image is
 *    READY, or the storage or the scanner failed. What takes too much time, CPU or memory, kills its process or falls with its node
 *    has `maxAttempts`, and then is rejected.
 * 3. READY: a message may claim it (`client_id`), once; see claim.ts.
 * 4. DELETING is the promise that the objects will be deleted: first the row says so, then they go, then the row does. It stays
 *    DELETING, and the clean-up tries again, when that fails; and also while somebody may still be about to write objects (a
 *    lease) or to store a message with the image (a claim of the last minute).
 * 5. An upload URL outlives its image by minutes: what arrives in `uploads/` late, nobody asks for. The clean-up deletes what is
 *    older than a day and has a key that we gave out (keys.ts).
 * 6. Who sends claims the image for a while (`claimSeconds`), on the clock of the database. A message that is stored later is
 *    refused: by then the image may be gone, and nobody would look for a message that has it.
 */

/** Longer than a confirmation takes, which is cut off before. */
export const leaseSeconds = 60;

/** All that is done under a lease: after that nothing more is begun. What the database was asked by then, it answers in seconds. */
export const confirmSeconds = 30;

/** How long the storage may take to say what was uploaded. */
export const lookSeconds = 5;

/** After which an image that is not stored yet never will be, in this attempt. */
export const developSeconds = 25;

/** CPU of one image. The most costly that were found (50 megapixels, progressive, four colours) take 4 s on a core of 2024. */
export const developCpuSeconds = 10;

/** Of the process that works on it. 50 megapixels of 16 bits, interlaced, take 620 MB. */
export const developMemoryBytes = 768 * 1024 * 1024;

/** How often an image is tried that had no outcome. */
export const maxAttempts = 2;

/** How long a message may take to be stored with an image that it has claimed. */
export const claimSeconds = 30;

/** Longer than a claim, and a statement that began within it. */
export const claimSettlesSeconds = 60;

/** How long an upload may wait to be confirmed, and an image to be sent. */
export const unsentHours = 24;

/** How long an image is kept after it was confirmed. */
export const retentionDays = 90;
