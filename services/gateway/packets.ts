/** The longest packet that a client may send over a socket. */
export const maxPacketBytes = 256 * 1024;

/** The longest packet until somebody has authenticated on the connection: a token and what is around it. */
export const maxUnauthenticatedPacketBytes = 16 * 1024;
