/**
 * The life of an image. Every step is one conditional update of its row. So if two processes try the same step, exactly one of
 * them succeeds, on whatever node they run.
 *
 *     PENDING ──confirm──▶ READY ──▶ DELETING ──▶ GONE (it was sent) or no row (it was not sent)
 *        └────rejected, never confirmed, deleted──▶ DELETING ──▶ no row
 *
 * 1. PENDING: the client may upload to `upload_key`, and to no other key. No client gets a URL to read the upload.
 * 2. Confirming (confirm-upload.ts) takes a lease on the row (`confirming_by`, `confirming_until`). It writes the verified,
 *    re-encoded image and its renditions under keys that were chosen with the row. If it still holds the lease, it makes the row
 *    READY. Then it deletes the upload. A second confirmation that finds the lease taken waits for the result. A confirmation that
 *    has lost its lease looks at the row: it answers with a READY image, and it deletes the objects only if the row is DELETING,
 *    GONE or missing. All work under a lease ends well before the lease does.
 *    Taking the lease counts as an attempt (`attempts`). The attempt is taken back if the image becomes READY, or if the storage or
 *    the scanner failed. An image that takes too much time, CPU or memory, or whose process or node dies, has `maxAttempts`. Then it
 *    is rejected.
 * 3. READY: one message may claim the image (`client_id`), see claim-image.ts.
 * 4. DELETING promises that the objects will be deleted (delete-image.ts). First the row becomes DELETING, then the objects are
 *    deleted, then the row becomes GONE or is deleted. If that fails, the row stays DELETING and the clean-up tries again
 *    (clean-up.ts). The row also stays DELETING while a confirmation may still write objects (it has a lease), or while a message
 *    with the image may still be stored (it was claimed in the last minute).
 * 5. An upload URL is valid for some minutes after its image was deleted. Objects that arrive in `uploads/` that late belong to no
 *    image. The clean-up deletes objects there that are older than a day and have a key of our form (object-keys.ts).
 * 6. A claim is valid for `claimSeconds`, by the clock of the database. A message that is stored later is refused: the image may
 *    be deleted by then, and the deletion has already looked for messages with it.
 */

/** Longer than a confirmation may take (`confirmSeconds`). */
export const leaseSeconds = 60;

/** The time for all work under a lease. After it, no new step begins. A database query that already runs ends within seconds. */
export const confirmSeconds = 30;

/** How long the storage may take to answer with the size of an upload. */
export const sizeTimeoutSeconds = 5;

/** How long an image worker may take for one upload. After that the attempt has failed. */
export const processingTimeoutSeconds = 25;

/** CPU time for one image. The most costly images found (50 megapixels, progressive, four colours) take 4 s on a core of 2024. */
export const processingCpuSeconds = 10;

/** Memory of the process that works on an image. An interlaced image of 50 megapixels with 16 bits takes 620 MB. */
export const processingMemoryBytes = 768 * 1024 * 1024;

/** How many attempts without a result an image has. */
export const maxAttempts = 2;

/** How long a message may take from claiming its image until it is stored. */
export const claimSeconds = 30;

/** Longer than a claim together with a database statement that began within it. */
export const claimSettlesSeconds = 60;

/** How long an upload may stay unconfirmed, and an image unsent. */
export const unsentHours = 24;

/** How long an image is kept after it was confirmed. */
export const retentionDays = 90;
