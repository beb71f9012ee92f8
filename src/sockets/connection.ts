/**
 * A connection: bytes both ways.
 *
 * @module
 */

import { AbortError, type Uring } from '../engine/index.js';
import { Chunk, MOST_DESCRIPTORS, pendingPromise, reject, type Sendable, type Settle, settleOfLast } from '../engine/internal.js';
import { checkFd, checkInteger, invalidArgType, invalidArgValue, invalidState, isDetached } from '../validate.js';
import { checkFile, type FileRange, type OpenedFile, sendFile } from './send-file.js';
import type { SocketAddress } from './socket.js';
import { type SocketSettings, STREAM_OPTIONS } from './socket-options.js';
import { StreamSocket } from './stream-socket.js';

/** How many bytes wait for a reader before the kernel is told to stop. */
const HIGH_WATER = 256 * 1024;

/** What {@link Connection.write} takes. */
export type Writable = string | ArrayBufferView | Chunk;

/** Somebody who waits for a chunk. An idle connection has one: it is as small as it can be. */
class Reader {
  /** Who asked after it. */
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

/** The chunks of a connection, until its peer ends. */
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
 * Made by {@link connect}, {@link socketpair} and listeners. What it holds (a descriptor) is its own until {@link close}.
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
  /** What the reader has. */
  private current: Chunk | undefined;
  private isEnded = false;
  /** What the next who reads is told, once. Made only then. */
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

  /** The descriptor, or -1 after {@link close}. It stays the connection's. */
  get fd(): number {
    return this.socket.fd;
  }

  /** Bytes received so far. */
  get bytesRead(): number {
    return this.bytesIn;
  }

  /** Bytes written so far, sent or not. */
  get bytesWritten(): number {
    return this.bytesOut;
  }

  /** Bytes written that the kernel has not taken yet. */
  get bytesQueued(): number {
    return this.socket.sender.queued;
  }

  /** Its own address; `undefined` when it was closed before somebody asked. getsockname(2). */
  get localAddress(): SocketAddress | undefined {
    return this.socket.localAddress;
  }

  /** The peer's address; `undefined` when it was closed, or gone, before somebody asked. getpeername(2). */
  get remoteAddress(): SocketAddress | undefined {
    return this.socket.remoteAddress;
  }

  /**
   * Sets options of the socket. setsockopt(2).
   *
   * @throws UringError; TypeError, RangeError for values that make no sense; Error ERR_INVALID_STATE when it is closed.
   */
  setOptions(settings: SocketSettings): void {
    this.checkOpen();
    this.socket.setOptions(settings);
  }

  /** An option of the socket. getsockopt(2). @throws as {@link setOptions}. */
  getOption<Name extends keyof SocketSettings>(name: Name): NonNullable<SocketSettings[Name]> {
    return STREAM_OPTIONS.get(this.uring.sockets.calls, this.checkOpen(), name);
  }

  /**
   * What was received next: as much as there was. Several reads at once are answered in their order.
   *
   * @returns a chunk, which is the caller's until the next read (or until it is released); `null` when the peer has ended.
   * @throws UringError ECONNRESET, ETIMEDOUT; AbortError when the connection or its engine is closed.
   */
  read(): Promise<Chunk | null> {
    return this.next(itself);
  }

  /** What is read next, in the form that is asked for: a promise for each chunk, and none on the way. @internal */
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
      // After it, there is nothing more.
      this.error = undefined;
      return Promise.reject(error());
    }
    if (this.isEnded) return Promise.resolve(form(null));
    const promise = pendingPromise<Result>();
    this.wait(new Reader(settleOfLast<unknown>(), form));
    this.socket.receiver.start();
    return promise;
  }

  /** The reader is done with what it has. @internal */
  releaseCurrent(): void {
    this.current?.release();
    this.current = undefined;
  }

  /** The chunks until the peer ends, each the loop's until the next. Leaving the loop leaves the connection open. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Chunk> {
    return new Chunks(this);
  }

  /**
   * Sends data, after what was written before. Memory of the program's own must stay as it is until then; chunks and pooled buffers may be released
   * at once.
   *
   * @param data text (UTF-8), bytes, a chunk, or several of them, which go together.
   * @returns when the kernel has taken all of it.
   * @throws UringError EPIPE, ECONNRESET; Error ERR_INVALID_STATE after `shutdown` or `close`; TypeError.
   */
  write(data: Writable | readonly Writable[]): Promise<void> {
    try {
      this.checkWritable();
      const before = Array.isArray(data) ? data.map(checkWritable) : undefined;
      const last = before === undefined ? checkWritable(data) : (before.pop() ?? new Uint8Array(0));
      return new Promise((resolve, reject) => {
        if (before !== undefined) for (const one of before) this.send(one, undefined);
        this.send(last, (error) => (error === undefined ? resolve() : reject(error)));
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends data, and open files with its first byte, over a Unix socket. The other side has them in {@link Chunk.descriptors}, if it takes them (the option
   * `descriptors`). SCM_RIGHTS, unix(7).
   *
   * @param descriptors 1 to 253, which stay the caller's, and open until this resolves.
   * @param data one byte at least: a stream has no messages without data.
   * @throws UringError EBADF, ETOOMANYREFS: nothing of it was sent, and the connection goes on; as {@link write}.
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
   * Sends a file, or a part of it, after what was written before; what is written in the meantime comes after it.
   *
   * @param file a FileHandle, or a descriptor: of a regular file, which stays open until this resolves.
   * @param range its first and last byte; default: all of it.
   * @returns how many bytes: fewer than were asked for, if the file ends earlier. With an error, nobody knows.
   * @throws UringError EBADF, EISDIR, ESPIPE, EIO; EPIPE, ECONNRESET; Error ERR_INVALID_STATE; TypeError, RangeError.
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
   * Ends sending, after what was written: the peer reads the end. Receiving goes on. shutdown(2).
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

  /** Whether waiting for this connection keeps the process alive: it does, until {@link unref}. */
  ref(): this {
    this.socket.reference(true);
    return this;
  }

  /** Lets the process end although this connection waits. */
  unref(): this {
    this.socket.reference(false);
    return this;
  }

  /**
   * Sends what was written, and closes. What was not read is dropped; the peer hears of that as of a reset. Idempotent. Never rejects for what
   * the peer does.
   */
  close(): Promise<void> {
    this.closing ??= this.closeNow(closedError, undefined);
    return this.closing;
  }

  /** Closes at once: what was not sent is lost, and the peer hears a reset. */
  reset(reason?: unknown): Promise<void> {
    const error = new AbortError(reason ?? invalidState('the connection was reset'));
    if (this.socket.fd >= 0) this.socket.setOptions({ linger: 0 });
    // One that is being closed waits no longer for what is unsent.
    if (this.closing !== undefined) void this.socket.close(error);
    this.closing ??= this.closeNow(() => error, error);
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private send(data: Sendable, done: ((error: Error | undefined) => void) | undefined): void {
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
    this.end(error === undefined ? undefined : () => error);
  }

  private end(error: (() => Error) | undefined): void {
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
    this.end(error);
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

/** @throws TypeError for what cannot be sent, Error ERR_INVALID_STATE. */
export function checkWritable(data: unknown): Sendable {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Chunk) return data;
  if (!ArrayBuffer.isView(data)) {
    throw invalidArgType('data', 'a string, an instance of Buffer, TypedArray, DataView or Chunk, or an array of them', data);
  }
  if (data.byteLength === 0 && isDetached(data.buffer)) throw invalidState('the buffer is detached');
  return data instanceof Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
