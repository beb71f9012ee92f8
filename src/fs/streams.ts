/**
 * `createReadStream` and `createWriteStream`: Node's own stream classes, with their options, events
 * and rules. Only the calls below them go to the ring, and a regular file is read a little ahead of
 * the reader.
 *
 * Writes do not run behind the writer: its callback means that the data is written, and reports
 * where a write fails.
 *
 * @module
 */

import type { OpenMode, PathLike, ReadStream, WriteStream } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { callsOf } from '../calls.js';
import { op, type Uring } from '../engine/index.js';
import { deliver } from '../engine/internal.js';
import { linuxSyscalls } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { currentUring, uringOrNone } from './backend.js';
import { type Cached, cached, hasTime } from './cached.js';
import * as callbacks from './callbacks.js';
import { isSlowToClose } from './closing.js';
import { systemError } from './errors.js';
import { inPlaceOf } from './in-place.js';
import { live, node } from './node.js';
import { isForReading, openCached, openDescriptor, plainOpening } from './open.js';
import { concatenated, lengthOf, OpenFile } from './open-file.js';

/** The number of reads of the stream's highWaterMark that are in flight or wait for the reader. */
const READ_AHEAD = 2;

/**
 * The maximum of bytes read synchronously. Larger copies are better made by a thread, or in the
 * ring's turn.
 */
const MOST_READ = 64 * 1024;

type Callback<Result extends unknown[]> = (error: Error | null, ...results: Result) => void;

/** The options of Node's streams that are used here. */
type StreamOptions = Record<string, unknown> & { fd?: unknown; fs?: unknown };

const NodeReadStream = node.ReadStream as unknown as new (
  path: unknown,
  options: unknown,
) => ReadStream & {
  fd: number | null;
  pos: number | undefined;
  start: number | undefined;
  end: number;
  autoClose: boolean;
};

const NodeWriteStream = node.WriteStream as unknown as new (path: unknown, options: unknown) => WriteStream;

const readCalls = callsOf('fs.createReadStream');
const writeCalls = callsOf('fs.createWriteStream');

/** Creates a stream that reads a file. See `fs.createReadStream`. */
export const createReadStream = inPlaceOf(
  node.createReadStream,
  (...args: Parameters<typeof node.createReadStream>): ReadStream => {
    const options = plainOptions(args[1], 'read');
    if (options === undefined) {
      readCalls.node++;
      return node.createReadStream(...args);
    }
    readCalls.ring++;
    return new FileReadStream(args[0], options, new StreamFile(options.fd));
  },
);

/** Creates a stream that writes a file. See `fs.createWriteStream`. */
export const createWriteStream = inPlaceOf(
  node.createWriteStream,
  (...args: Parameters<typeof node.createWriteStream>): WriteStream => {
    const options = plainOptions(args[1], 'write', 'writev');
    if (options === undefined) {
      writeCalls.node++;
      return node.createWriteStream(...args);
    }
    writeCalls.ring++;
    return new FileWriteStream(args[0], options, new StreamFile(options.fd));
  },
);

/**
 * Returns whether a program has replaced a function of `node:fs` that Node's streams call.
 * Functions of this module do not count.
 */
function isReplaced(name: 'open' | 'read' | 'write' | 'writev' | 'close'): boolean {
  const there = live[name];
  return there !== node[name] && there !== (callbacks as Partial<Record<typeof name, unknown>>)[name];
}

/**
 * Returns a stream's options, including inherited ones. Returns `undefined` where Node's stream
 * must be used unchanged: with custom `fs` operations, with file handles (Node's stream calls their
 * methods), with invalid descriptors, without a ring, and where a program has replaced the
 * functions to see the calls.
 *
 * @param calls the functions of `node:fs` that Node's stream calls, besides `open`.
 * @throws UringUnavailableError when io_uring is unavailable and no fallback is configured.
 */
function plainOptions(given: unknown, ...calls: ('read' | 'write' | 'writev')[]): StreamOptions | undefined {
  if (isReplaced('open') || calls.some(isReplaced)) return undefined;
  const options: StreamOptions = {};
  if (typeof given === 'string') options.encoding = given;
  else if (typeof given === 'object') for (const name in given) options[name] = (given as StreamOptions)[name];
  else if (given !== undefined) return undefined;
  const { fd } = options;
  const isPlain = fd === undefined || fd === null || (typeof fd === 'number' && (fd | 0) === fd && fd >= 0);
  return isPlain && options.fs === undefined && currentUring() !== undefined ? options : undefined;
}

/**
 * The file below a stream, and the functions that Node's streams call in place of `node:fs`. Every
 * callback is called as from the event loop.
 *
 * Data that the kernel holds in memory is read synchronously: a server that sends small files does
 * one thing at a time, for which the ring costs as much as a thread.
 */
class StreamFile {
  /**
   * The stream has opened the file: no one else moves the file's position, so the stream can use
   * explicit positions.
   */
  private opened = false;
  /** Node has opened the file, and must close it. */
  private isNodes = false;
  /** The file is a regular file, on a file system whose attributes are in memory. */
  private isCached = false;
  private file: OpenFile | undefined;
  private users = 1;
  private onClosed: Callback<[]> | undefined;

  constructor(fd: unknown) {
    if (typeof fd === 'number') this.file = new OpenFile(fd, linuxSyscalls().statusFlags(fd), this);
  }

  get descriptor(): number | null {
    return this.file?.fd ?? null;
  }

  // The users of the file: the stream, until it closes it, and every call in flight.

  ref(): void {
    this.users++;
  }

  unref(): void {
    if (--this.users > 0) return;
    const { fd } = this.file as OpenFile;
    const done = this.onClosed as Callback<[]>;
    const uring = uringOrNone();
    if (!this.opened || this.isNodes || uring === undefined || isReplaced('close')) {
      live.close(fd, done);
      return;
    }
    const ours = this.isCached && !isSlowToClose(fd) ? cached() : null;
    if (ours !== null) {
      const res = ours.calls.close(fd);
      deliver(() => done(res < 0 ? systemError(res, 'close') : null));
      return;
    }
    const closing = op.closeFile(fd).withError((res) => systemError(res, 'close'));
    settle(uring.closeOwned(fd, closing), () => done(null), done);
  }

  /** Returns where reading starts, if the stream decides that and may read ahead. */
  startFor(start: number | undefined): number | undefined {
    const at = start ?? (this.opened ? 0 : undefined);
    return this.file?.hasOffsets ? at : undefined;
  }

  /** Reads for the stream itself, ahead of the reader. */
  readAhead(buffer: Buffer, position: number): Promise<number> | number {
    const file = this.file as OpenFile;
    const bytes = this.readAtOnce(buffer, position);
    if (bytes >= 0) return bytes;
    this.ref();
    return (currentUring() as Uring).transfers.read(file, buffer, 0, buffer.length, position, counted);
  }

  /**
   * Reads what is in the page cache.
   *
   * @returns bytes, fewer than the buffer holds only at the end of the file; or negative.
   */
  private readAtOnce(buffer: Uint8Array, position: number): number {
    if (!this.isCached || position < 0 || buffer.length > MOST_READ || !hasTime()) return -1;
    const { calls } = cached() as Cached;
    const { fd } = this.file as OpenFile;
    const bytes = calls.read(fd, [buffer], position);
    if (bytes <= 0 || bytes === buffer.length) return bytes;
    // Either the end of the file, or the end of what is cached.
    return calls.read(fd, [buffer.subarray(bytes, bytes + 1)], position + bytes) === 0 ? bytes : -1;
  }

  private becomeOpen(fd: number, flags: number, isCached = false): void {
    this.file = new OpenFile(fd, flags, this, isCached);
    this.opened = true;
    this.isCached = isCached;
  }

  readonly calls = {
    open: (path: PathLike, flags: OpenMode, mode: number, done: Callback<[fd: number]>) => {
      const uring = uringOrNone();
      const plain = uring === undefined ? undefined : plainOpening(path, flags, mode);
      const openByNode = () =>
        node.open(path, flags, mode, (error, fd) => {
          if (error === null) {
            this.becomeOpen(fd, linuxSyscalls().statusFlags(fd));
            this.isNodes = true;
          }
          done(error, fd);
        });
      // In a worker, Node keeps a list of the descriptors that it has opened, and closes them when
      // the worker ends.
      if (uring === undefined || plain === undefined || !isMainThread) {
        openByNode();
        return;
      }
      const cachedFd = isForReading(plain) && hasTime() ? openCached(plain) : -1;
      if (cachedFd >= 0) {
        this.becomeOpen(cachedFd, plain.flags, true);
        timers.setImmediate(done, null, cachedFd);
        return;
      }
      const opened = (fd: number | undefined) => {
        if (fd === undefined) {
          openByNode();
          return;
        }
        this.becomeOpen(fd, plain.flags);
        done(null, fd);
      };
      settle(openDescriptor(uring, plain), opened, done as Callback<[]>);
    },
    close: (_fd: number, done: Callback<[]>) => {
      this.onClosed = done;
      this.unref();
    },
    fsync: node.fsync,
    read: (
      fd: number,
      buffer: Buffer,
      offset: number,
      length: number,
      position: number | null | undefined,
      done: Callback<[bytes: number, buffer: Buffer]>,
    ) => {
      const at = positionOf(position);
      const file = this.file as OpenFile;
      const cachedBytes = length > 0 ? this.readAtOnce(buffer.subarray(offset, offset + length), at) : -1;
      if (cachedBytes >= 0) {
        deliver(() => done(null, cachedBytes, buffer));
        return;
      }
      const uring = length > 0 && file.isReadByRing(at) ? uringOrNone() : undefined;
      if (uring === undefined) {
        node.read(fd, buffer, offset, length, position ?? null, done);
        return;
      }
      this.ref();
      const reading = uring.transfers.read(file, buffer, offset, length, at, counted);
      settle(
        reading,
        (bytes) => done(null, bytes, buffer),
        (error) => done(error, 0, buffer),
      );
    },
    write: (
      fd: number,
      buffer: Buffer,
      offset: number,
      length: number,
      position: number | null | undefined,
      done: Callback<[bytes: number, buffer: Buffer]>,
    ) => {
      const at = positionOf(position);
      const file = this.file as OpenFile;
      const uring = file.isWrittenByRing(at, length) ? uringOrNone() : undefined;
      if (uring === undefined) {
        node.write(fd, buffer, offset, length, position, done);
        return;
      }
      this.ref();
      const writing = uring.transfers.write(file, buffer, offset, length, at, counted);
      settle(
        writing,
        (bytes) => done(null, bytes, buffer),
        (error) => done(error, 0, buffer),
      );
    },
    writev: (
      fd: number,
      buffers: Buffer[],
      position: number | null | undefined,
      done: Callback<[bytes: number, buffers: Buffer[]]>,
    ) => {
      const at = positionOf(position);
      const file = this.file as OpenFile;
      const length = lengthOf(buffers);
      const uring = file.isWrittenByRing(at, length) ? uringOrNone() : undefined;
      if (uring === undefined) {
        node.writev(fd, buffers, position as number, done as never);
        return;
      }
      this.ref();
      settle(
        uring.transfers.write(file, concatenated(buffers, length), 0, length, at, counted),
        (bytes) => done(null, bytes, buffers),
        (error) => done(error, 0, buffers),
      );
    },
  };
}

const counted = (count: number) => count;

/** Passes a promise's outcome to callbacks that run as from the event loop. */
function settle<T>(promise: Promise<T>, done: (value: T) => void, failed: (error: Error) => void): void {
  promise.then(
    (value) => deliver(() => done(value)),
    (error) => deliver(() => failed(error)),
  );
}

/** Node's streams count from `undefined` on to NaN, which stands for the file's own position. */
function positionOf(position: unknown): number {
  return typeof position === 'number' && position >= 0 ? position : -1;
}

interface Ahead {
  readonly buffer: Buffer;
  readonly bytes: Promise<number> | number;
}

/** A read stream over the ring. */
class FileReadStream extends NodeReadStream {
  readonly #source: StreamFile;
  readonly #chunk: number;
  readonly #ahead: Ahead[] = [];
  /** The start of the next read; `undefined` until it is known that the stream may read ahead. */
  #next: number | undefined;
  #plain = false;

  constructor(path: PathLike | undefined, options: StreamOptions, source: StreamFile) {
    super(path, { ...options, fd: source.descriptor, fs: source.calls });
    this.#source = source;
    this.#chunk = this.readableHighWaterMark;
  }

  override _read(size: number): void {
    if (this.#next === undefined && !this.#plain) {
      this.#next = this.#source.startFor(this.start);
      this.#plain = this.#next === undefined;
      if (!this.#plain) this.pos = this.#next;
    }
    if (this.#plain) {
      super._read(size);
      return;
    }
    this.#readAhead();
    const first = this.#ahead.shift();
    if (first === undefined) {
      this.push(null);
      return;
    }
    const { buffer, bytes } = first;
    const arrived = (count: number) => this.#arrived(buffer, count);
    if (typeof bytes === 'number') deliver(() => arrived(bytes));
    else settle(bytes, arrived, (error) => this.#failed(error));
  }

  #readAhead(): void {
    while (this.#ahead.length < READ_AHEAD) {
      const at = this.#next as number;
      const length = Math.min(this.#chunk, this.end - at + 1);
      if (length <= 0) return;
      const buffer = Buffer.allocUnsafeSlow(length);
      const bytes = this.#source.readAhead(buffer, at);
      // Its outcome is awaited later; until then a failure must not count as unhandled.
      if (typeof bytes !== 'number') bytes.catch(() => undefined);
      this.#ahead.push({ buffer, bytes });
      this.#next = at + length;
    }
  }

  #arrived(buffer: Buffer, bytes: number): void {
    if (this.destroyed) return;
    this.bytesRead += bytes;
    this.pos = (this.pos as number) + bytes;
    if (bytes === buffer.length) {
      this.push(buffer);
      return;
    }
    // At or near the end: if the file grows, what was read ahead lies behind a gap. From here on,
    // the stream reads as Node does.
    this.#ahead.length = 0;
    this.#plain = true;
    if (bytes === 0) {
      this.push(null);
      return;
    }
    // In its own buffer, as with Node.
    const rest = Buffer.allocUnsafeSlow(bytes);
    buffer.copy(rest, 0, 0, bytes);
    this.push(rest);
  }

  #failed(error: Error): void {
    this.#ahead.length = 0;
    if (this.destroyed) return;
    if (this.autoClose) this.destroy(error);
    else this.emit('error', error);
  }
}

/** A write stream over the ring. */
class FileWriteStream extends NodeWriteStream {
  constructor(path: PathLike | undefined, options: StreamOptions, source: StreamFile) {
    super(path, { ...options, fd: source.descriptor, fs: source.calls });
  }
}

// To programs, the classes look like Node's own.
for (const [ours, nodes] of [
  [FileReadStream, NodeReadStream],
  [FileWriteStream, NodeWriteStream],
] as const) {
  Object.defineProperty(ours, 'name', { value: nodes.name });
  Object.defineProperty(ours.prototype, 'constructor', { value: nodes });
}
