/**
 * `net.Socket` over the ring: Node's own, whose handle reads by the ring once it is connected.
 *
 * @module
 */

import net from 'node:net';
import { Uring } from '../engine/index.js';
import { takesInstancesOf } from '../instances.js';
import { timers } from '../timers.js';
import { invalidArgType } from '../validate.js';
import { uringFor } from './backend.js';
import { type Internal, readOn } from './who-reads.js';

/** What `new Socket` takes: as `node:net`, and the engine. */
export interface SocketOptions extends net.SocketConstructorOpts {
  /** The engine; default: that of this thread. */
  readonly uring?: Uring | undefined;
}

/** A connection. Every socket of Node's is an `instanceof` it, as are those of `uring/net`. */
export type Socket = net.Socket;

/** As `net.Socket`: with `new` or without. */
export interface SocketConstructor {
  new (options?: SocketOptions | number): net.Socket;
  (options?: SocketOptions | number): net.Socket;
  readonly prototype: net.Socket;
}

/** The engine that a socket was given. */
const GIVEN = Symbol('uring');

type Own = Internal & { [GIVEN]?: Uring | undefined };

/**
 * A TCP or Unix connection: `net.Socket` of Node's, over the ring. See Node's documentation.
 *
 * Without io_uring, `connect` ends in an `'error'`, or the socket is Node's own in every respect: see `configure`.
 *
 * @throws TypeError, RangeError as `net.Socket`; also for an option `uring` that is no engine.
 */
export const Socket = function Socket(this: Own | undefined, options?: SocketOptions | number): net.Socket {
  if (this === undefined || !isSocket(this)) return new (Socket as SocketConstructor)(options);
  const { uring: given } = (options ?? {}) as SocketOptions;
  if (given !== undefined && !(given instanceof Uring)) throw invalidArgType('options.uring', 'an instance of Uring', given);
  // Before anything is read.
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
// Node's servers make sockets of Node's class.
takesInstancesOf(Socket, net.Socket);

/** `net.Socket.prototype.connect`, where there is a ring; else an `'error'` says why not. */
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
export function readOverRing(this: Own, size: number): void {
  readOn(this, size, () => engineOf(this));
}

/** What was connected stays so, whatever becomes of the ring. */
function engineOf(socket: Own): Uring | undefined {
  try {
    return uringFor(socket[GIVEN]);
  } catch {
    return undefined;
  }
}
