/**
 * A connection: a stream of bytes in each direction.
 *
 * @module
 */

import type { InspectOptionsStylized } from 'node:util';
import { AbortError, type Uring } from '../engine/index.js';
import { Chunk, MOST_DESCRIPTORS, pendingPromise, reject, type Sendable, type Settle, settleOfLast } from '../engine/internal.js';
import { INSPECT, summary } from '../summary.js';
import { checkFd, checkInteger, invalidArgType, invalidArgValue, invalidState, isDetached } from '../validate.js';
import { checkFile, type FileRange, type OpenedFile, sendFile } from './send-file.js';
import type { SocketAddress } from './socket.js';
import { type SocketSettings, STREAM_OPTIONS } from './socket-options.js';
import { StreamSocket } from './stream-socket.js';

/** The number of unread bytes at which the kernel is told to stop receiving. */
const HIGH_WATER = 256 * 1024;

/** The data that {@link Connection.write} accepts. */
export type Writable = string | ArrayBufferView | Chunk;

/** A pending read. Every idle connection has one, so it is as small as possible. */
class Reader {
  /** The pending read after this one. */
  next: Reader | undefined;

  constructor(
    private readonly settle: Settle<unknown>,
    private readonly form: (chunk: Chunk | null) => unknown,
  ) {}

  resolve(chunk: Chunk | null): void {
    this.settle(this.form(chunk));
  }

  reject(error: Error): void {
    reject(this.settle as Settle<never>, error);
  }
}

/** The chunks of a connection until its peer ends. */
class Chunks implements AsyncIterableIterator<Chunk> {
  constructor(private readonly connection: Connection) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Chunk>> {
    return this.connection.next(asResult);
  }

  async return(): Promise<IteratorResult<Chunk>> {
    this.connection.releaseCurrent();
    return { done: true, value: undefined };
  }
}

/**
 * A stream socket: TCP or Unix.
 *
 * Created by {@link connect}, {@link socketpair} and listeners. It owns its descriptor until
 * {@link close}.
 *
 * @example
 * ```ts
 * await using connection = await connect({ host: '::1', port: 7 });
 * await connection.write('hello');
 * using answer = await connection.read();
 * console.log(answer?.toString());
 * ```
 */
export class Connection implements AsyncIterable<Chunk> {
  private readonly socket: StreamSocket;
  private readonly queue: Chunk[] = [];
  private queued = 0;
  private reader: Reader | undefined;
  /** The chunk that the reader holds. */
  private current: Chunk | undefined;
  private isEnded = false;
  /** Creates the error that the next read rejects with, once. */
  private error: (() => Error) | undefined;
  private bytesIn = 0;
  private bytesOut = 0;
  private closing: Promise<void> | undefined;

  /** @internal */
  constructor(
    private readonly uring: Uring,
    fd: number,
    takesDescriptors = false,
  ) {
    this.socket = new StreamSocket(uring, fd, this, takesDescriptors);
  }

  /** The descriptor, or -1 after {@link close}. It remains the connection's. */
  get fd(): number {
    return this.socket.fd;
  }

  /** The number of bytes received so far. */
  get bytesRead(): number {
    return this.bytesIn;
  }

  /** The number of bytes written so far, sent or not. */
  get bytesWritten(): number {
    return this.bytesOut;
  }

  /** The number of bytes written that the kernel has not yet taken. */
  get bytesQueued(): number {
    return this.socket.sender.queued;
  }

  /**
   * The local address; `undefined` if the connection was closed before the first request for it.
   * getsockname(2).
   */
  get localAddress(): SocketAddress | undefined {
    return this.socket.localAddress;
  }

  /**
   * The peer's address; `undefined` if the connection was closed or lost before the first request
   * for it. getpeername(2).
   */
  get remoteAddress(): SocketAddress | undefined {
    return this.socket.remoteAddress;
  }

  /** Returns the text that `util.inspect` shows. @internal */
  [INSPECT](depth: number, options: InspectOptionsStylized): string {
    const { fd, localAddress, remoteAddress, bytesRead, bytesWritten, bytesQueued } = this;
    return summary('Connection', { fd, localAddress, remoteAddress, bytesRead, bytesWritten, bytesQueued }, depth, options);
  }

  /**
   * Sets socket options. setsockopt(2).
   *
   * @throws UringError; TypeError, RangeError for invalid values; Error ERR_INVALID_STATE when it
   *   is closed.
   */
  setOptions(settings: SocketSettings): void {
    this.checkOpen();
    this.socket.setOptions(settings);
  }

  /** Returns a socket option. getsockopt(2). @throws as {@link setOptions}. */
  getOption<Name extends keyof SocketSettings>(name: Name): NonNullable<SocketSettings[Name]> {
    return STREAM_OPTIONS.get(this.uring.sockets.calls, this.checkOpen(), name);
  }

  /**
   * Reads the next data: as much as is available. Concurrent reads are resolved in order.
   *
   * @returns a chunk, which belongs to the caller until the next read (or until it is released);
   *   `null` when the peer has ended.
   * @throws UringError ECONNRESET, ETIMEDOUT; AbortError when the connection or its engine is
   *   closed.
   */
  read(): Promise<Chunk | null> {
    return this.next(itself);
  }

  /**
   * Reads the next chunk and converts it with `form`: one promise for each chunk, without
   * intermediate ones.
   *
   * @internal
   */
  next<Result>(form: (chunk: Chunk | null) => Result): Promise<Result> {
    this.releaseCurrent();
    const chunk = this.queue.shift();
    if (chunk !== undefined) {
      this.current = chunk;
      this.queued -= chunk.length;
      if (!this.isEnded) this.socket.receiver.start();
      return Promise.resolve(form(chunk));
    }
    if (this.error !== undefined) {
      const { error } = this;
      // The error is reported once; reads after it return the end.
      this.error = undefined;
      return Promise.reject(error());
    }
    if (this.isEnded) return Promise.resolve(form(null));
    const promise = pendingPromise<Result>();
    this.wait(new Reader(settleOfLast<unknown>(), form));
    this.socket.receiver.start();
    return promise;
  }

  /** Releases the chunk that the reader holds. @internal */
  releaseCurrent(): void {
    this.current?.release();
    this.current = undefined;
  }

  /**
   * Iterates over the chunks until the peer ends. Each chunk belongs to the loop until the next
   * one. Leaving the loop does not close the connection.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Chunk> {
    return new Chunks(this);
  }

  /**
   * Sends data after everything that was written before. The caller's own memory must not change
   * until the promise resolves; chunks and pooled buffers may be released immediately.
   *
   * @param data text (UTF-8), bytes, a chunk, or an array of these, which is sent together.
   * @returns when the kernel has taken all of it.
   * @throws UringError EPIPE, ECONNRESET; Error ERR_INVALID_STATE after `shutdown` or `close`;
   *   TypeError.
   */
  write(data: Writable | readonly Writable[]): Promise<void> {
    try {
      this.checkWritable();
      const before = Array.isArray(data) ? data.map(checkWritable) : undefined;
      const last = before === undefined ? checkWritable(data) : (before.pop() ?? new Uint8Array(0));
      return new Promise((resolve, reject) => {
        if (before !== undefined) for (const one of before) this.enqueue(one, undefined);
        this.enqueue(last, (error) => (error === undefined ? resolve() : reject(error)));
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends data over a Unix socket, and open files with its first byte. The peer finds them in
   * {@link Chunk.descriptors} if it accepts them (the option `descriptors`). SCM_RIGHTS, unix(7).
   *
   * @param descriptors 1 to 253 descriptors, which remain the caller's and must stay open until
   *   this resolves.
   * @param data at least one byte: a stream has no messages without data.
   * @throws UringError EBADF, ETOOMANYREFS: nothing was sent, and the connection remains usable;
   *   otherwise as {@link write}.
   */
  async sendDescriptors(descriptors: readonly number[], data: Writable): Promise<void> {
    this.checkWritable();
    if (!Array.isArray(descriptors)) throw invalidArgType('descriptors', 'an array of descriptors', descriptors);
    checkInteger('descriptors.length', descriptors.length, 1, MOST_DESCRIPTORS);
    descriptors.forEach((fd, index) => {
      checkFd(`descriptors[${index}]`, fd);
    });
    if (this.localAddress?.family !== 'unix') throw invalidState('only Unix sockets pass descriptors');
    const sendable = checkWritable(data);
    if (sendable.length === 0) throw invalidArgValue('data', data, 'must not be empty');
    await new Promise<void>((resolve, reject) => {
      this.bytesOut += sendable.length;
      const done = (error: Error | undefined) => (error === undefined ? resolve() : reject(error));
      this.socket.sender.pass(sendable, [...descriptors], done);
    });
  }

  /**
   * Sends a file, or a part of it, after everything that was written before. Data written in the
   * meantime follows it.
   *
   * @param file a FileHandle or a descriptor of a regular file, which must stay open until this
   *   resolves.
   * @param range the first and last byte. Default: the whole file.
   * @returns the number of bytes sent: fewer than requested if the file ends earlier. After an
   *   error, the number is unknown.
   * @throws UringError EBADF, EISDIR, ESPIPE, EIO; EPIPE, ECONNRESET; Error ERR_INVALID_STATE;
   *   TypeError, RangeError.
   *
   * @example
   * ```ts
   * await connection.write(header);
   * await connection.sendFile(handle, { start: 1000, end: 1999 });
   * ```
   */
  async sendFile(file: OpenedFile, range: FileRange = {}): Promise<number> {
    this.checkWritable();
    const { start, end } = checkFile(this.uring, file, range);
    const count = await sendFile(this.uring, this.socket.sender, file, start, end);
    this.bytesOut += count;
    return count;
  }

  /**
   * Ends sending after everything that was written; the peer then reads the end. Receiving
   * continues. shutdown(2).
   *
   * @throws UringError.
   */
  shutdown(): Promise<void> {
    try {
      this.checkOpen();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.socket.shutdown();
  }

  /**
   * Makes waiting for this connection keep the process alive, which is the default until
   * {@link unref}.
   */
  ref(): this {
    this.socket.reference(true);
    return this;
  }

  /** Lets the process end while this connection waits. */
  unref(): this {
    this.socket.reference(false);
    return this;
  }

  /**
   * Sends everything that was written, and closes. Unread data is dropped, which the peer sees as a
   * reset. Idempotent. Never rejects because of the peer.
   */
  close(): Promise<void> {
    this.closing ??= this.closeNow(closedError, undefined);
    return this.closing;
  }

  /** Closes immediately: unsent data is lost, and the peer sees a reset. */
  reset(reason?: unknown): Promise<void> {
    const error = new AbortError(reason ?? invalidState('the connection was reset'));
    if (this.socket.fd >= 0) this.socket.setOptions({ linger: 0 });
    // A close in progress no longer waits for unsent data.
    if (this.closing !== undefined) void this.socket.close(error);
    this.closing ??= this.closeNow(() => error, error);
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private enqueue(data: Sendable, done: ((error: Error | undefined) => void) | undefined): void {
    this.bytesOut += data.length;
    this.socket.sender.write(data, done);
  }

  /** @internal */
  received(chunk: Chunk): void {
    this.bytesIn += chunk.length;
    const { reader } = this;
    if (reader !== undefined) {
      this.reader = reader.next;
      this.current = chunk;
      reader.resolve(chunk);
      return;
    }
    this.queue.push(chunk);
    this.queued += chunk.length;
    if (this.queued >= HIGH_WATER) this.socket.receiver.stop();
  }

  /** @internal */
  ended(error: Error | undefined): void {
    this.endReading(error === undefined ? undefined : () => error);
  }

  private endReading(error: (() => Error) | undefined): void {
    this.isEnded = true;
    const { reader: first } = this;
    this.reader = undefined;
    if (first === undefined) {
      this.error = error;
      return;
    }
    if (error === undefined) first.resolve(null);
    else first.reject(error());
    for (let other = first.next; other !== undefined; other = other.next) other.resolve(null);
  }

  /** @internal */
  engineClosed(error: Error): void {
    this.closing ??= this.closeNow(() => error, error);
  }

  private wait(reader: Reader): void {
    let last = this.reader;
    if (last === undefined) {
      this.reader = reader;
      return;
    }
    while (last.next !== undefined) last = last.next;
    last.next = reader;
  }

  private closeNow(error: () => Error, unsent: Error | undefined): Promise<void> {
    const { socket } = this;
    const closed = socket.close(unsent);
    this.endReading(error);
    this.releaseCurrent();
    for (const chunk of this.queue.splice(0)) chunk.release();
    return closed;
  }

  private checkWritable(): void {
    this.checkOpen();
    if (this.socket.isEnding) throw invalidState('the connection was shut down for writing');
  }

  private checkOpen(): number {
    if (this.closing !== undefined) throw invalidState('the connection is closed');
    return this.socket.fd;
  }
}

const closedError = (): Error => new AbortError(invalidState('the connection was closed'));

const itself = (chunk: Chunk | null): Chunk | null => chunk;

const asResult = (value: Chunk | null): IteratorResult<Chunk> =>
  value === null ? { done: true, value: undefined } : { done: false, value };

/**
 * Converts data to a form that can be sent.
 *
 * @throws TypeError for other data; Error ERR_INVALID_STATE.
 */
export function checkWritable(data: unknown): Sendable {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Chunk) return data;
  if (!ArrayBuffer.isView(data)) {
    throw invalidArgType('data', 'a string, an instance of Buffer, TypedArray, DataView or Chunk, or an array of them', data);
  }
  if (data.byteLength === 0 && isDetached(data.buffer)) throw invalidState('the buffer is detached');
  return data instanceof Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
