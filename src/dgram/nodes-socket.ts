/**
 * Node's own class of datagram sockets, captured before ours is put in its place.
 *
 * @module
 */

import dgram from 'node:dgram';

/** `dgram.Socket`, which is a function: `Socket.call(this, type, listener)` works. */
export const nodesSocket = dgram.Socket as typeof dgram.Socket & ((this: dgram.Socket, type: unknown, listener: unknown) => void);
