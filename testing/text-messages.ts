import { createToMessages } from "../services/messages/message-row.ts";

/** Rows as clients see them, where no message has an image whose URLs somebody would have to sign. */
export const textMessages = createToMessages(() => Promise.reject(new Error("there are no images here")), console);
