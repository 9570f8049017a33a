/** The longest packet that a client may send over a socket. */
export const maxPacketBytes = 256 * 1024;

/** The longest packet on a connection that has not authenticated: enough for a token and its packet. */
export const maxUnauthenticatedPacketBytes = 16 * 1024;
