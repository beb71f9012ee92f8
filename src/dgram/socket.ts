/**
 * `dgram.Socket` over the ring: Node's own, on a handle that can also send and receive over the
 * ring.
 *
 * @module
 */

import type dgram from 'node:dgram';
import { Uring } from '../engine/index.js';
import { takesInstancesOf } from '../instances.js';
import { invalidArgType } from '../validate.js';
import { uringFor } from './backend.js';
import { overRing } from './handles.js';
import { handleOf } from './natives.js';
import { nodesSocket } from './nodes-socket.js';

/** The options of `createSocket`: those of `node:dgram`, and the engine. */
export interface SocketOptions extends dgram.SocketOptions {
  /** The engine. Default: that of this thread. */
  readonly uring?: Uring | undefined;
}

/** A listener for datagrams. */
export type MessageListener = (message: Buffer, sender: dgram.RemoteInfo) => void;

/** A datagram socket. */
export type Socket = dgram.Socket;

/** The constructor. Like that of `dgram.Socket`, it requires `new`. */
export interface SocketConstructor {
  new (type: dgram.SocketType | SocketOptions, listener?: MessageListener): dgram.Socket;
  readonly prototype: dgram.Socket;
}

/**
 * A datagram socket: Node's `dgram.Socket`, over the ring. See Node's documentation.
 *
 * @throws UringUnavailableError without io_uring, unless the fallback to Node is configured: see
 *   `configure`; TypeError as `dgram.Socket`, and if the option `uring` is not an engine.
 */
export const Socket = function Socket(
  this: dgram.Socket,
  type: dgram.SocketType | SocketOptions,
  listener?: MessageListener,
): void {
  const { uring: given } = (typeof type === 'object' && type !== null ? type : {}) as SocketOptions;
  if (given !== undefined && !(given instanceof Uring)) throw invalidArgType('options.uring', 'an instance of Uring', given);
  const uring = uringFor(given);
  nodesSocket.call(this, type, listener);
  const handle = handleOf(this);
  if (uring !== undefined && handle !== null) overRing(uring, handle);
} as unknown as SocketConstructor;

Object.setPrototypeOf(Socket, nodesSocket);
Object.setPrototypeOf(Socket.prototype, nodesSocket.prototype);
Object.defineProperty(Socket.prototype, 'constructor', { value: Socket, configurable: true, writable: true });
takesInstancesOf(Socket, nodesSocket);
