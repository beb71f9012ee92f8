/**
 * Reading a connection of Node's by the ring.
 *
 * A `net.Socket` stays as Node has made it, on a handle of libuv's: it connects, writes and ends as ever. Its reading is the ring's: one
 * operation that goes on for as long as the socket wants data, into buffers that all connections share.
 *
 * ```text
 *   handle.readStart()   Receiver armed --chunk--> copied --deliver()--> socket.push(), as Node's own onStreamRead does
 *   handle.readStop()    cancelled; what has come meanwhile waits
 *   handOver()           cancelled at once; from then on libuv reads, for whoever has asked for the handle itself
 * ```
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';
import type net from 'node:net';
import { type Chunk, deliver, type Endpoint, type Receiver, type ReceiveSink, type Uring } from '../engine/index.js';
import { Errno, type UringError } from '../syscalls/index.js';
import { errnoException } from './errors.js';
import { type NativeHandle, ownerOf } from './natives.js';

/** What has come: data, the end, or an error. */
type Arrival = Buffer | typeof END | Error;

const END = Symbol('end');

/** What is not for the ring: a descriptor that is no socket (a pipe, a terminal). */
const NOT_FOR_SOCKETS = new Set([-Errno.ENOTSOCK, -Errno.EOPNOTSUPP]);

/** Of Node's sockets, what is not in its types. */
type Owner = net.Socket & { _unrefTimer(): void; _readableState: { sync: boolean } };

/** The reading of one handle. */
export class Reader implements ReceiveSink, Endpoint {
  /** What Node asks and sets as `handle.reading`. */
  isReading = false;
  /** As Node's `handle.bytesRead`. */
  bytesRead = 0;
  private isNative = false;
  private wanted = false;
  private scheduled = false;
  private receiver: Receiver | undefined;
  private readonly arrivals: Arrival[] = [];
  private readonly context = new AsyncResource('URINGSOCKET');

  /**
   * @param handle whose methods call this object.
   * @param native its own methods.
   */
  constructor(
    private readonly uring: Uring,
    private readonly handle: NativeHandle,
    private readonly native: NativeHandle,
  ) {}

  /** Whether the ring has been told to read. */
  get started(): boolean {
    return this.receiver !== undefined;
  }

  private get socket(): Owner | undefined {
    return ownerOf(this.handle) as Owner | undefined;
  }

  /** `handle.readStart()`. */
  start(): number {
    if (this.isNative) return this.native.readStart.call(this.handle);
    this.wanted = true;
    try {
      this.receiver ??= this.begin();
    } catch {
      // The engine closes, or has no memory for buffers.
      return this.becomeNative();
    }
    this.schedule();
    this.receiver.start();
    return 0;
  }

  private begin(): Receiver {
    const { sockets } = this.uring;
    const receiver = sockets.receiver(this.handle.fd, this);
    sockets.add(this);
    if (!this.handle.hasRef()) sockets.reference(receiver, false);
    return receiver;
  }

  /** `handle.readStop()`. */
  stop(): number {
    if (this.isNative) return this.native.readStop.call(this.handle);
    this.wanted = false;
    this.receiver?.stop();
    return 0;
  }

  /** Whether waiting for data keeps the process alive. */
  reference(wanted: boolean): void {
    if (this.receiver !== undefined) this.uring.sockets.reference(this.receiver, wanted);
  }

  /** Has libuv read from the start: data goes into one buffer of the program's. */
  useNative(): void {
    this.isNative = true;
  }

  private becomeNative(): number {
    this.isNative = true;
    return this.native.readStart.call(this.handle);
  }

  /**
   * From now on libuv reads: somebody works on the handle itself, past its methods. What the ring has received is put into the socket's buffer,
   * where TLS and HTTP/2 look for it.
   */
  handOver(): void {
    if (this.isNative) return;
    this.isNative = true;
    this.withdraw();
    const { socket } = this;
    const state = socket?._readableState;
    for (const arrival of this.arrivals.splice(0)) {
      // libuv finds the end, and errors, for itself.
      if (!Buffer.isBuffer(arrival) || state === undefined) continue;
      this.bytesRead += arrival.length;
      // Into the buffer, not to a listener.
      state.sync = true;
      socket?.push(arrival);
    }
    if (this.wanted) this.native.readStart.call(this.handle);
  }

  /** The ring does not read from now on, not even what is under way. */
  withdraw(): void {
    const { receiver } = this;
    if (receiver === undefined) return;
    receiver.stop();
    this.uring.sockets.settleNow(receiver);
  }

  /** @param done called when the kernel is done with the descriptor. */
  close(done: () => void): void {
    const { receiver } = this;
    this.receiver = undefined;
    this.wanted = false;
    this.arrivals.length = 0;
    if (receiver === undefined) {
      done();
      return;
    }
    this.uring.sockets.remove(this);
    receiver.close(done);
  }

  // What the ring tells

  received(chunk: Chunk): void {
    // The program's for ever, so it is not the ring's memory.
    const data = chunk.copy();
    chunk.release();
    this.arrivals.push(data);
    this.schedule();
  }

  ended(error: Error | undefined): void {
    const { errno } = (error ?? {}) as Partial<UringError>;
    if (errno !== undefined && NOT_FOR_SOCKETS.has(errno)) {
      if (this.wanted) this.becomeNative();
      else this.isNative = true;
      return;
    }
    this.arrivals.push(error ?? END);
    this.schedule();
  }

  engineClosed(error: Error): void {
    deliver(() => this.context.runInAsyncScope(() => this.socket?.destroy(error)));
  }

  /** One event at a time, as ticks and promises run between two. */
  private schedule(): void {
    if (this.scheduled || !this.wanted || this.arrivals.length === 0) return;
    this.scheduled = true;
    deliver(this.next);
  }

  private readonly next = (): void => {
    this.scheduled = false;
    if (!this.wanted) return;
    const arrival = this.arrivals.shift();
    if (arrival === undefined) return;
    try {
      this.context.runInAsyncScope(this.hand, this, arrival);
    } finally {
      this.schedule();
    }
  };

  /** As Node's onStreamRead. */
  private hand(arrival: Arrival): void {
    const { socket } = this;
    if (socket === undefined || socket.destroyed) return;
    socket._unrefTimer();
    if (Buffer.isBuffer(arrival)) {
      this.bytesRead += arrival.length;
      if (socket.push(arrival)) return;
      this.handle.reading = false;
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
