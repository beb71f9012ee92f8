/**
 * `uring/dgram`: `node:dgram` over io_uring.
 *
 * @module uring/dgram
 */

import dgram from 'node:dgram';
import { backend, type Configuration, configure } from './backend.js';
import { type MessageListener, Socket, type SocketOptions } from './socket.js';

// The declarations below override Node's.
export * from 'node:dgram';

/**
 * Creates a {@link Socket}. See `dgram.createSocket` in Node's documentation.
 *
 * @example
 * ```ts
 * import dgram from 'uring/dgram';
 *
 * const socket = dgram.createSocket('udp4', (message, sender) => socket.send(message, sender.port, sender.address));
 * socket.bind(7000);
 * ```
 */
export function createSocket(type: dgram.SocketType, listener?: MessageListener): dgram.Socket;
export function createSocket(options: SocketOptions, listener?: MessageListener): dgram.Socket;
export function createSocket(type: dgram.SocketType | SocketOptions, listener?: MessageListener): dgram.Socket {
  return new Socket(type, listener);
}

export type { Configuration, MessageListener, SocketOptions };
export { backend, configure, Socket };

export default {
  // Everything else that this version of Node exports.
  ...dgram,
  Socket,
  backend,
  configure,
  createSocket,
};
