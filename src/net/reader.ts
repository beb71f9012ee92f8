/**
 * Reading a Node connection over the ring.
 *
 * A `net.Socket` stays as Node created it, on a libuv handle: connecting, writing and ending are
 * unchanged. Only reading moves to the ring for a while (`who-reads.ts` decides when): one
 * operation that continues for as long as the socket wants data, into buffers that all connections
 * share.
 *
 * ```text
 *   handle.readStart()    Receiver armed --chunk--> copied --Arrivals--> socket.push(),
 *                         as in Node's own onStreamRead
 *   handle.readStop()     canceled; data that has arrived meanwhile waits
 *   handOver(), giveTo()  canceled immediately; libuv reads permanently, for code that uses the
 *                         handle directly or has set another `onread`
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

/** An arrival: data, the end, or an error. */
type Arrival = Buffer | typeof END | Error;

const END = Symbol('end');

/**
 * The errors of descriptors that are not sockets (a pipe, a terminal). The ring cannot receive from
 * those.
 */
const NOT_FOR_SOCKETS = new Set([-Errno.ENOTSOCK, -Errno.EOPNOTSUPP]);

/** The internals of Node's sockets that its types omit. */
type Owner = net.Socket & { _unrefTimer(): void; _readableState: { sync: boolean } };

/** The reading side of one handle. */
export class SocketReader implements ReceiveSink, Endpoint {
  /** The number of bytes that the ring has read. */
  bytesRead = 0;
  /** Who reads. */
  by: 'libuv' | 'ring' = 'libuv';
  /** Whether libuv keeps reading permanently. */
  isFixed = false;
  private wanted = false;
  private receiver: Receiver | undefined;
  private readonly reading: ReadingProperty;
  private readonly context = new AsyncResource('URINGSOCKET');
  private readonly arrivals = new Arrivals<Arrival>((arrival) => this.context.runInAsyncScope(this.hand, this, arrival));
  private readonly nodesOnread: unknown;

  /**
   * Must be called in the async context in which the program is to receive its data.
   *
   * @param handle the handle whose methods call this object.
   * @param native the handle's own methods.
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

  /** Returns whether Node has started reading. */
  get isReading(): boolean {
    return this.by === 'ring' ? this.reading.value : Boolean(this.handle.reading);
  }

  /** Implements `handle.readStart()`. */
  start(): number {
    if (this.by === 'libuv') return this.native.readStart.call(this.handle);
    this.wanted = true;
    this.arrivals.open();
    this.receiver?.start();
    return 0;
  }

  /** Implements `handle.readStop()`. */
  stop(): number {
    if (this.by === 'libuv') return this.native.readStop.call(this.handle);
    this.wanted = false;
    this.arrivals.close();
    this.receiver?.stop();
    return 0;
  }

  /** Sets whether waiting for data keeps the process alive. */
  reference(wanted: boolean): void {
    if (this.receiver !== undefined) this.uring.sockets.reference(this.receiver, wanted);
  }

  /** Makes the ring read instead of libuv. */
  changeToRing(): void {
    if (this.isFixed || this.by === 'ring') return;
    this.native.readStop.call(this.handle);
    this.reading.value = true;
    this.reading.put();
    this.by = 'ring';
    this.start();
  }

  /** Makes libuv read, unless data has already arrived that it must not overtake. */
  changeToLibuv(): void {
    if (this.by === 'libuv' || !this.wanted) return;
    this.withdraw();
    if (this.arrivals.waiting.length === 0) this.becomeLibuvs();
    else this.receiver?.start();
  }

  /**
   * Makes libuv read permanently, because other code uses the handle directly and bypasses its
   * methods. Data that the ring has received is put into the socket's buffer, where TLS and HTTP/2
   * look for it.
   */
  handOver(): void {
    this.isFixed = true;
    if (this.by === 'libuv') return;
    this.withdraw();
    const { socket } = this;
    const state = socket?._readableState;
    for (const arrival of this.arrivals.waiting.splice(0)) {
      // libuv finds the end and errors itself.
      if (!Buffer.isBuffer(arrival) || state === undefined) continue;
      this.bytesRead += arrival.length;
      // Forces the data into the buffer instead of to a listener.
      state.sync = true;
      socket?.push(arrival);
    }
    this.becomeLibuvs();
  }

  /**
   * Makes libuv read permanently, because data must go to `handle.onread` from now on. Does nothing
   * if that is set again to the callback of Node's sockets.
   */
  giveTo(onread: unknown): void {
    if (onread === this.nodesOnread) return;
    this.isFixed = true;
    if (this.by === 'libuv') return;
    this.withdraw();
    const hasData = this.arrivals.waiting.some(Buffer.isBuffer);
    this.arrivals.waiting.length = 0;
    this.by = 'libuv';
    this.reading.remove();
    // Code that sends the handle to another process is about to detach it from its socket, and
    // nothing must be read then.
    timers.nextTick(() => {
      if (this.wanted && (this.socket as (Owner & { _handle?: unknown }) | undefined)?._handle === this.handle)
        this.native.readStart.call(this.handle);
    });
    // Reports earlier data: an Agent closes a connection that receives a response without a
    // request.
    if (hasData && typeof onread === 'function') onread.call(this.handle);
  }

  private becomeLibuvs(): void {
    this.by = 'libuv';
    this.reading.remove();
    if (this.wanted) this.native.readStart.call(this.handle);
  }

  /** Stops the ring from reading, including any receive in flight. */
  private withdraw(): void {
    const { receiver } = this;
    if (receiver === undefined) return;
    receiver.stop();
    this.uring.sockets.settleNow(receiver);
  }

  /**
   * Must be called before the descriptor is closed. The ring must not hold on to it, or the peer
   * would not be notified.
   */
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

  /** Does the same as {@link close}, and makes closing reset the connection. */
  closeWithReset(): void {
    this.close();
    try {
      STREAM_OPTIONS.set(this.uring.sockets.calls, this.handle.fd, { linger: 0 });
    } catch {
      // No longer connected.
    }
  }

  // Callbacks of the ring

  received(chunk: Chunk): void {
    // A copy: the program may keep the data indefinitely, so it cannot be the ring's memory.
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
    // In a turn of its own, as with libuv, which reports the handles closed in one turn in reverse
    // order.
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

  /** Does what Node's onStreamRead does. */
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
      // Makes the stream process the end even if no one reads.
      socket.read(0);
    } else {
      const { errno } = arrival as UringError;
      socket.destroy(errno === undefined ? arrival : errnoException(errno, 'read'));
    }
  }
}
