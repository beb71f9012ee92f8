/**
 * Accepting the connections of a `net.Server` over the ring.
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';
import net from 'node:net';
import { callsOf } from '../calls.js';
import type { Uring } from '../engine/index.js';
import { deliver } from '../engine/internal.js';
import { Accepting } from '../sockets/accepting.js';
import { addressOf } from '../sockets/socket.js';
import type { UringError } from '../syscalls/index.js';
import { AcceptPace } from './accept-pace.js';
import { errnoException } from './errors.js';
import { readByRing } from './handles.js';
import { connectionHandle, type NativeHandle, ownerOf } from './natives.js';
import { leavesReadingToNode } from './protocols.js';
import { type Internal, readOn } from './who-reads.js';

/**
 * A server of Node's, with the members that are undocumented, or missing from the types of this
 * version.
 */
export type NodesServer = net.Server & {
  _handle: NativeHandle | null;
  _listen2(...args: ListenArguments): void;
};

/** The arguments of `_listen2`. */
export type ListenArguments = [
  address: string | null,
  port: number | null,
  addressType: 4 | 6 | -1 | null,
  backlog: number,
  fd: number | undefined,
  flags: number | undefined,
];

/** Connections: those that Node accepts are not counted. */
const acceptCalls = callsOf('net.Server.accept');

/** An async context without any of the program's state. */
const OUTSIDE = new AsyncResource('URING');

/**
 * Accepts the connections of a server whose handle is libuv's. Replaces some of the handle's
 * methods so that libuv never accepts connections itself.
 *
 * Ends when the server releases the handle: when it closes it, moves it to another thread (Node 26),
 * or, as a cluster's primary does, takes the handle away to accept by itself.
 */
export class Acceptor {
  private accepting: Accepting | undefined;
  private hasEnded = false;
  /** Node's own function, to which the handle passes connections. */
  private onconnection: NativeHandle['onconnection'];
  private backlog = 0;
  private readonly context = new AsyncResource('URINGSERVER');
  private readonly pace = new AcceptPace();
  /** The prototype of its sockets, which chooses who reads; `undefined` where Node reads. */
  private readonly methods: object | undefined;

  /**
   * @param handle is not listened on by libuv.
   * @param choosesReaders whether its sockets are to choose who reads; not if all of Node's do.
   */
  constructor(
    private readonly uring: Uring,
    private readonly server: NodesServer,
    private readonly handle: NativeHandle,
    choosesReaders: boolean,
  ) {
    const { listen, close, ref, unref } = handle;
    const takeOver = (_socket: Internal, client: NativeHandle) => readByRing(uring, client);
    if (choosesReaders && !leavesReadingToNode(server)) {
      // A property on each socket would add to the memory of an idle connection.
      this.methods = Object.create(net.Socket.prototype, {
        _read: {
          configurable: true,
          writable: true,
          value(this: Internal, size: number) {
            readOn(this, size, takeOver);
          },
        },
      });
    }
    Object.assign(handle, {
      listen: (backlog: number) => this.listen(backlog, listen),
      close: (done?: () => void) => {
        // First, so that the address is free immediately, as with Node.
        this.end();
        close.call(handle, done);
      },
      ref: () => {
        ref.call(handle);
        this.accepting?.reference(true);
      },
      unref: () => {
        unref.call(handle);
        this.accepting?.reference(false);
      },
    });
    let current: NativeHandle | null = handle;
    Object.defineProperty(server, '_handle', {
      configurable: true,
      enumerable: true,
      get: () => current,
      set: (value: NativeHandle | null) => {
        current = value;
        if (value === handle || this.hasEnded) return;
        this.end();
        // Whoever has taken the handle away expects libuv to accept on it.
        if (handle.onconnection !== this.onconnection) listen.call(handle, this.backlog);
      },
    });
  }

  private listen(backlog: number, native: NativeHandle['listen']): number {
    const { uring, handle } = this;
    const { calls } = uring.sockets;
    const local = addressOf(calls, handle.fd, 'getsockname');
    // libuv reports errors of bind(2) here.
    if (local === undefined || (local.family !== 'unix' && local.port === 0)) return native.call(handle, backlog);
    const result = calls.listen(handle.fd, backlog);
    if (result < 0) return result;
    this.onconnection = handle.onconnection;
    this.backlog = backlog;
    this.accepting = new Accepting(uring, handle.fd);
    if (!handle.hasRef()) this.accepting.reference(false);
    void this.accept(this.accepting);
    return 0;
  }

  private end(): void {
    this.hasEnded = true;
    this.accepting?.stopNow();
    this.accepting = undefined;
  }

  private async accept(accepting: Accepting): Promise<void> {
    try {
      for (let fd = await accepting.next(); fd !== null; fd = await accepting.next()) {
        const turn = this.pace.wait();
        if (turn !== undefined) await turn;
        // New connections have no async context, as in Node.
        const client = OUTSIDE.runInAsyncScope(connectionHandle, undefined, this.handle, fd);
        acceptCalls.ring++;
        if (client === undefined) this.uring.closeDescriptor(fd);
        else deliver(() => this.tell(client));
      }
    } catch (error) {
      const { errno } = error as UringError;
      // Without an errno, the engine has closed or failed, as the error states. No more connections
      // will arrive.
      deliver(() => {
        if (!this.hasEnded) this.server.close();
        this.server.emit('error', errno === undefined ? error : errnoException(errno, 'accept'));
      });
    }
  }

  /** Reports a connection to Node's own `onconnection`, which creates the socket. */
  private tell(client: NativeHandle): void {
    if (this.hasEnded) {
      client.close();
      return;
    }
    try {
      this.context.runInAsyncScope(() => this.handle.onconnection?.(0, client));
    } finally {
      const socket = ownerOf(client) as Internal | null | undefined;
      // There is no socket if the server has refused the connection.
      if (socket && this.methods && Object.getPrototypeOf(socket) === net.Socket.prototype) {
        Object.setPrototypeOf(socket, this.methods);
      }
    }
  }
}
