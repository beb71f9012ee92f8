/**
 * Reading a connection of Node's by the ring.
 *
 * A `net.Socket` stays as Node has made it, on a handle of libuv's: it connects, writes and ends as ever. Only its reading is the ring's for a
 * while (`who-reads.ts` decides when): one operation that goes on for as long as the socket wants data, into buffers that all connections share.
 *
 * ```text
 *   handle.readStart()   Receiver armed --chunk--> copied --Arrivals--> socket.push(), as Node's own onStreamRead does
 *   handle.readStop()    cancelled; what has come meanwhile waits
 *   handOver(), giveTo() cancelled at once; libuv reads for ever, for whoever works on the handle itself, or has put another `onread`
 * ```
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';
import type net from 'node:net';
import type { Chunk, Uring } from '../engine/index.js';
import { Arrivals, deliver, type Endpoint, type Receiver, type ReceiveSink } from '../engine/internal.js';
import { STREAM_OPTIONS } from '../sockets/socket-options.js';
import { Errno, type UringError } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { errnoException } from './errors.js';
import { type NativeHandle, ownerOf } from './natives.js';
import { ReadingProperty } from './reading-property.js';

/** What has come: data, the end, or an error. */
type Arrival = Buffer | typeof END | Error;

const END = Symbol('end');

/** What is not for the ring: a descriptor that is no socket (a pipe, a terminal). */
const NOT_FOR_SOCKETS = new Set([-Errno.ENOTSOCK, -Errno.EOPNOTSUPP]);

/** Of Node's sockets, what is not in its types. */
type Owner = net.Socket & { _unrefTimer(): void; _readableState: { sync: boolean } };

/** The reading of one handle. */
export class SocketReader implements ReceiveSink, Endpoint {
  /** Bytes that the ring has read. */
  bytesRead = 0;
  /** Who reads. */
  by: 'libuv' | 'ring' = 'libuv';
  /** It stays libuv's. */
  isFixed = false;
  private wanted = false;
  private receiver: Receiver | undefined;
  private readonly reading: ReadingProperty;
  private readonly context = new AsyncResource('URINGSOCKET');
  private readonly arrivals = new Arrivals<Arrival>((arrival) => this.context.runInAsyncScope(this.hand, this, arrival));
  private readonly nodesOnread: unknown;

  /**
   * In the context in which the program is to be told of data.
   *
   * @param handle whose methods are to call this object.
   * @param native its own methods.
   * @throws as `sockets.receiver`.
   */
  constructor(
    private readonly uring: Uring,
    private readonly handle: NativeHandle,
    private readonly native: NativeHandle,
  ) {
    const { sockets } = uring;
    this.receiver = sockets.receiver(handle.fd, this);
    if (!handle.hasRef()) sockets.reference(this.receiver, false);
    sockets.add(this);
    this.nodesOnread = handle.onread;
    this.reading = new ReadingProperty(handle, () => this.handOver());
  }

  private get socket(): Owner | undefined {
    return ownerOf(this.handle) as Owner | undefined;
  }

  /** Whether Node has started it. */
  get isReading(): boolean {
    return this.by === 'ring' ? this.reading.value : Boolean(this.handle.reading);
  }

  /** `handle.readStart()`. */
  start(): number {
    if (this.by === 'libuv') return this.native.readStart.call(this.handle);
    this.wanted = true;
    this.arrivals.open();
    this.receiver?.start();
    return 0;
  }

  /** `handle.readStop()`. */
  stop(): number {
    if (this.by === 'libuv') return this.native.readStop.call(this.handle);
    this.wanted = false;
    this.arrivals.close();
    this.receiver?.stop();
    return 0;
  }

  /** Whether waiting for data keeps the process alive. */
  reference(wanted: boolean): void {
    if (this.receiver !== undefined) this.uring.sockets.reference(this.receiver, wanted);
  }

  /** The ring reads what libuv has read until now. */
  changeToRing(): void {
    if (this.isFixed || this.by === 'ring') return;
    this.native.readStop.call(this.handle);
    this.reading.value = true;
    this.reading.put();
    this.by = 'ring';
    this.start();
  }

  /** libuv reads, unless something has come already, which it must not overtake. */
  changeToLibuv(): void {
    if (this.by === 'libuv' || !this.wanted) return;
    this.withdraw();
    if (this.arrivals.waiting.length === 0) this.becomeLibuvs();
    else this.receiver?.start();
  }

  /**
   * From now on libuv reads: somebody works on the handle itself, past its methods. What the ring has received is put into the socket's buffer,
   * where TLS and HTTP/2 look for it.
   */
  handOver(): void {
    this.isFixed = true;
    if (this.by === 'libuv') return;
    this.withdraw();
    const { socket } = this;
    const state = socket?._readableState;
    for (const arrival of this.arrivals.waiting.splice(0)) {
      // libuv finds the end, and errors, for itself.
      if (!Buffer.isBuffer(arrival) || state === undefined) continue;
      this.bytesRead += arrival.length;
      // Into the buffer, not to a listener.
      state.sync = true;
      socket?.push(arrival);
    }
    this.becomeLibuvs();
  }

  /** What is read goes to `handle.onread` from now on, and so libuv reads; unless that is what Node's sockets have, set again. */
  giveTo(onread: unknown): void {
    if (onread === this.nodesOnread) return;
    this.isFixed = true;
    if (this.by === 'libuv') return;
    this.withdraw();
    const hasData = this.arrivals.waiting.some(Buffer.isBuffer);
    this.arrivals.waiting.length = 0;
    this.by = 'libuv';
    this.reading.remove();
    // Who sends the handle to another process is about to take it away from its socket, and wants nothing read.
    timers.nextTick(() => {
      if (this.wanted && (this.socket as (Owner & { _handle?: unknown }) | undefined)?._handle === this.handle)
        this.native.readStart.call(this.handle);
    });
    // Data that came before: an Agent ends a connection on which there is an answer to no request.
    if (hasData && typeof onread === 'function') onread.call(this.handle);
  }

  private becomeLibuvs(): void {
    this.by = 'libuv';
    this.reading.remove();
    if (this.wanted) this.native.readStart.call(this.handle);
  }

  /** The ring stops reading, what is under way included. */
  private withdraw(): void {
    const { receiver } = this;
    if (receiver === undefined) return;
    receiver.stop();
    this.uring.sockets.settleNow(receiver);
  }

  /** The descriptor is about to be closed: nothing of the ring's holds on to it, or the peer would not be told. */
  close(): void {
    const { receiver } = this;
    if (receiver === undefined) return;
    this.wanted = false;
    this.arrivals.close();
    this.arrivals.waiting.length = 0;
    this.uring.sockets.remove(this);
    receiver.close(() => undefined);
    this.uring.sockets.settleNow(receiver);
    this.receiver = undefined;
  }

  /** As {@link close}: closing will reset the connection. */
  closeWithReset(): void {
    this.close();
    try {
      STREAM_OPTIONS.set(this.uring.sockets.calls, this.handle.fd, { linger: 0 });
    } catch {
      // It is no connection any more.
    }
  }

  // What the ring tells

  received(chunk: Chunk): void {
    // The program's for ever, so it is not the ring's memory.
    const data = chunk.copyAlone();
    chunk.release();
    this.arrivals.push(data);
  }

  ended(error: Error | undefined): void {
    const { errno } = (error ?? {}) as Partial<UringError>;
    if (errno !== undefined && NOT_FOR_SOCKETS.has(errno)) {
      this.isFixed = true;
      this.becomeLibuvs();
      return;
    }
    // In a turn of the loop of its own, as with libuv, which tells of what was closed in one turn in the reverse order.
    timers.setImmediate(() =>
      timers.setImmediate(() => {
        if (this.receiver === undefined || this.by === 'libuv') return;
        this.arrivals.push(error ?? END);
      }),
    );
  }

  engineClosed(error: Error): void {
    if (this.by === 'ring') deliver(() => this.context.runInAsyncScope(() => this.socket?.destroy(error)));
    this.isFixed = true;
  }

  /** As Node's onStreamRead. */
  private hand(arrival: Arrival): void {
    const { socket } = this;
    if (socket === undefined || socket.destroyed) return;
    socket._unrefTimer();
    if (Buffer.isBuffer(arrival)) {
      this.bytesRead += arrival.length;
      if (socket.push(arrival)) return;
      this.reading.value = false;
      if (!socket.destroyed) this.stop();
    } else if (arrival === END) {
      socket.push(null);
      // An end that nobody reads is one all the same.
      socket.read(0);
    } else {
      const { errno } = arrival as UringError;
      socket.destroy(errno === undefined ? arrival : errnoException(errno, 'read'));
    }
  }
}
