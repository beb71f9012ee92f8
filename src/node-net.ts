/**
 * Node's own way to read a socket, captured before `uring/register` puts another in its place.
 *
 * @module
 */

import net from 'node:net';

/** `net.Socket.prototype._read`. */
export const { _read: nodesRead } = net.Socket.prototype;
