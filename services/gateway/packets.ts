/** The longest packet that a client may send over a socket. */
export const maxPacketBytes = 256 * 1024;
