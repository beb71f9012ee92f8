/**
 * `net.Socket` over the ring: Node's own, whose handle can read over the ring once it is connected.
 *
 * @module
 */

import net from 'node:net';
import { Uring } from '../engine/index.js';
import { takesInstancesOf } from '../instances.js';
import { timers } from '../timers.js';
import { invalidArgType } from '../validate.js';
import { uringFor } from './backend.js';
import { readByRing } from './handles.js';
import type { NativeHandle } from './natives.js';
import { type Internal, readOn } from './who-reads.js';

/** The options of `new Socket`: those of `node:net`, and the engine. */
export interface SocketOptions extends net.SocketConstructorOpts {
  /** The engine. Default: that of this thread. */
  readonly uring?: Uring | undefined;
}

/**
 * A connection. Every Node socket is an `instanceof` this class, as are those of `uring/net`.
 */
export type Socket = net.Socket;

/** The constructor. As with `net.Socket`, `new` is optional. */
export interface SocketConstructor {
  new (options?: SocketOptions | number): net.Socket;
  (options?: SocketOptions | number): net.Socket;
  readonly prototype: net.Socket;
}

/** The key of the engine that was passed to a socket. */
const GIVEN = Symbol('uring');

type Own = Internal & { [GIVEN]?: Uring | undefined };

/**
 * A TCP or Unix connection: Node's `net.Socket`, over the ring. See Node's documentation.
 *
 * Without io_uring, `connect` results in an `'error'`, or the socket is entirely Node's own: see
 * `configure`.
 *
 * @throws TypeError, RangeError as `net.Socket`; TypeError if the option `uring` is not an engine.
 */
export const Socket = function Socket(this: Own | undefined, options?: SocketOptions | number): net.Socket {
  if (this === undefined || !isSocket(this)) return new (Socket as SocketConstructor)(options);
  const { uring: given } = (options ?? {}) as SocketOptions;
  if (given !== undefined && !(given instanceof Uring)) throw invalidArgType('options.uring', 'an instance of Uring', given);
  // Before the constructor reads anything.
  if (given !== undefined) Object.defineProperty(this, GIVEN, { value: given, configurable: true });
  (net.Socket as unknown as (this: net.Socket, options: unknown) => void).call(this, options);
  return this;
} as unknown as SocketConstructor;

const isSocket = (value: object): boolean => Object.prototype.isPrototypeOf.call(Socket.prototype, value);

Object.setPrototypeOf(Socket, net.Socket);
Object.setPrototypeOf(Socket.prototype, net.Socket.prototype);
Object.defineProperties(Socket.prototype, {
  constructor: { value: Socket, configurable: true, writable: true },
  connect: { value: connect, configurable: true, writable: true },
  _read: { value: readOverRing, configurable: true, writable: true },
});
// Node's servers create sockets of Node's class.
takesInstancesOf(Socket, net.Socket);

/** Implements `net.Socket.prototype.connect`. Without a ring, an `'error'` states the reason. */
function connect(this: Own, ...args: unknown[]): net.Socket {
  const result = (net.Socket.prototype.connect as (...args: unknown[]) => net.Socket).apply(this, args);
  try {
    uringFor(this[GIVEN]);
  } catch (error) {
    timers.nextTick(() => this.destroy(error as Error));
  }
  return result;
}

/** As `net.Socket.prototype._read`: by whoever reads faster. */
function readOverRing(this: Own, size: number): void {
  readOn(this, size, takeOver);
}

/** Has the ring read. A connection persists even if there is none anymore. */
export function takeOver(socket: Own, handle: NativeHandle): void {
  let uring: Uring | undefined;
  try {
    uring = uringFor(socket[GIVEN]);
  } catch {
    return;
  }
  if (uring !== undefined) readByRing(uring, handle);
}
