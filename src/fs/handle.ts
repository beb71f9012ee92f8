/**
 * `FileHandle`: Node's own class, with faster methods over the ring in place of some of Node's.
 *
 * A handle here *is* one of Node's: Node's functions, streams and messages accept it, it closes
 * itself on garbage collection or when its worker ends, and every method that is not overridden
 * here is Node's. Its descriptor was opened by the ring. Calls with unusual or invalid arguments
 * are passed to Node.
 *
 * Node exports neither this class nor its internals. Both are taken from the first handle that Node
 * opens. Where they cannot be found, all handles are unmodified handles of Node's.
 *
 * @module
 */

import type { Stats } from 'node:fs';
import type { FileHandle as NodeFileHandle } from 'node:fs/promises';
import { callsOf } from '../calls.js';
import { AbortError, op } from '../engine/index.js';
import type { Ranges } from '../engine/internal.js';
import { node } from '../node-fs.js';
import { Errno, linuxSyscalls } from '../syscalls/index.js';
import { checkInteger } from '../validate.js';
import { plainFileOptions } from './arguments.js';
import { uringOrNone } from './backend.js';
import { cached, hasTime } from './cached.js';
import { isSlowToClose } from './closing.js';
import { systemError } from './errors.js';
import { plainStatOptions } from './lookups.js';
import { areViews, concatenated, type FileOwner, lengthOf, OpenFile } from './open-file.js';
import { checkReadMany, type FileHandle } from './read-many.js';
import { MOST_COPIED } from './who-writes.js';
import { isWholeData, readWhole, type WholeData, wholeBytes, writeWhole } from './whole.js';

/** The inner object of a handle, which owns the descriptor. */
interface Binding {
  readonly fd: number;
  close(): Promise<void>;
  /** Passes the ownership of the descriptor to the caller. */
  releaseFD(): unknown;
}

/** The part of Node's class that is used here. */
interface NodeHandle {
  readonly fd: number;
  read(...args: unknown[]): Promise<unknown>;
  write(...args: unknown[]): Promise<unknown>;
  readv(...args: unknown[]): Promise<unknown>;
  writev(...args: unknown[]): Promise<unknown>;
  readFile(...args: unknown[]): Promise<unknown>;
  writeFile(...args: unknown[]): Promise<unknown>;
  appendFile(...args: unknown[]): Promise<unknown>;
  stat(options?: unknown): Promise<Stats>;
  [symbol: symbol]: unknown;
}

// As Node's results, without a prototype.
const readResult = (count: number, view: ArrayBufferView) => ({ __proto__: null, bytesRead: count, buffer: view });
const writeResult = (count: number, view: unknown) => ({ __proto__: null, bytesWritten: count, buffer: view });

/** Gives an object a private field. */
class Extended {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: the field of the class below is put on this object.
    return object;
  }
}

/** The files of handles, in a private field of the handles. */
class Filed extends Extended {
  #file: OpenFile;

  constructor(handle: object, file: OpenFile) {
    super(handle);
    this.#file = file;
  }

  static fileOf(handle: object): OpenFile | undefined {
    return #file in handle ? (handle as Filed).#file : undefined;
  }
}

/** Returns the file of a handle that was opened here. */
export function fileOf(handle: unknown): OpenFile | undefined {
  return typeof handle === 'object' && handle !== null ? Filed.fileOf(handle) : undefined;
}

/** Returns whether a value is an open handle that was opened here. */
export function isOpen(handle: unknown): handle is FileHandle {
  return fileOf(handle) !== undefined && (handle as FileHandle).fd >= 0;
}

const counts = {
  read: callsOf('FileHandle.read'),
  write: callsOf('FileHandle.write'),
  stat: callsOf('FileHandle.stat'),
  readv: callsOf('FileHandle.readv'),
  readMany: callsOf('FileHandle.readMany'),
  writev: callsOf('FileHandle.writev'),
  readFile: callsOf('FileHandle.readFile'),
  writeFile: callsOf('FileHandle.writeFile'),
};

/** The classes of handles; `undefined` until Node has opened one. */
let classes: ReturnType<typeof classesOver> | undefined;

/**
 * Returns the function that makes a handle for a descriptor that the ring has opened; `undefined`
 * until the classes are known.
 */
export function handleFor(): ((fd: number, flags: number, isCached: boolean) => FileHandle) | undefined {
  return classes?.make;
}

/** Turns a handle that Node has opened into one of this module. */
export function adopt(handle: NodeFileHandle, flags: number | undefined): FileHandle {
  classes ??= explore(handle as unknown as NodeHandle);
  return classes?.adopt(handle, flags ?? linuxSyscalls().statusFlags(handle.fd)) ?? (handle as FileHandle);
}

function explore(handle: NodeHandle): ReturnType<typeof classesOver> | undefined {
  const symbolOf = (object: object, name: string) =>
    Object.getOwnPropertySymbols(object).find(({ description }) => description === name);
  const prototype = Object.getPrototypeOf(handle) as { constructor: new (binding: Binding) => NodeHandle };
  const [kHandle, kRef, kUnref] = [symbolOf(handle, 'kHandle'), symbolOf(prototype, 'kRef'), symbolOf(prototype, 'kUnref')];
  if (kHandle === undefined || kRef === undefined || kUnref === undefined) return undefined;
  const binding = handle[kHandle] as Binding & { constructor: new (fd: number) => Binding };
  if (typeof binding?.releaseFD !== 'function' || typeof binding.close !== 'function') return undefined;
  return classesOver(prototype.constructor, binding.constructor, { kHandle, kRef, kUnref });
}

function classesOver(
  Base: new (binding: Binding) => NodeHandle,
  BaseBinding: new (fd: number) => Binding,
  { kHandle, kRef, kUnref }: { readonly kHandle: symbol; readonly kRef: symbol; readonly kUnref: symbol },
) {
  /** Closes through the ring when Node's own count of users reaches zero. */
  class RingBinding extends BaseBinding {
    /** Whether closing the file is known to involve no server. */
    isCached = false;

    override close(): Promise<void> {
      const { fd } = this;
      if (isSlowToClose(fd)) return super.close();
      const ours = this.isCached ? cached() : null;
      const uring = ours === null ? uringOrNone() : undefined;
      if (ours !== null) {
        this.releaseFD();
        const res = ours.calls.close(fd);
        return res < 0 ? Promise.reject(systemError(res, 'close')) : Promise.resolve();
      }
      if (uring === undefined) return super.close();
      this.releaseFD();
      return uring.closeOwned(
        fd,
        op.closeFile(fd).withError((res) => systemError(res, 'close')),
      );
    }
  }

  class Owner implements FileOwner {
    constructor(private readonly handle: NodeHandle) {}

    ref(): void {
      (this.handle[kRef] as () => void)();
    }

    unref(): void {
      (this.handle[kUnref] as () => void)();
    }
  }

  class FileHandle extends Base {
    // Reading and writing

    override read(buffer?: unknown, offset?: unknown, length?: unknown, position?: unknown): Promise<unknown> {
      let view = buffer as ArrayBufferView;
      let [from, count, at] = [offset, length, position];
      if (!ArrayBuffer.isView(view) || (typeof from === 'object' && from !== null)) {
        const options = (ArrayBuffer.isView(view) ? from : (view ?? {})) as Record<string, unknown>;
        if (!isPlainObject(options)) return super.read(buffer, offset, length, position);
        if (!ArrayBuffer.isView(view)) view = (options.buffer ?? Buffer.alloc(16_384)) as ArrayBufferView;
        ({ offset: from, length: count, position: at } = options);
      }
      const start = numberOr(from, 0);
      const bytes = numberOr(count, view.byteLength - start);
      const where = plainPosition(at);
      const file = fileFor(this, view, start, bytes, where);
      const uring = file?.isReadByRing(where as number) ? uringOrNone() : undefined;
      if (uring === undefined) {
        counts.read.node++;
        const wrong = ABORTS_ON_LENGTH ? wrongLength(count) : undefined;
        return wrong === undefined ? super.read(buffer, offset, length, position) : Promise.reject(wrong);
      }
      counts.read.ring++;
      (file as OpenFile).ref();
      return uring.transfers.read(file as OpenFile, view, start, bytes, where as number, readResult);
    }

    override write(data: unknown, second?: unknown, third?: unknown, fourth?: unknown): Promise<unknown> {
      const isView = ArrayBuffer.isView(data);
      const byNode = () => {
        counts.write.node++;
        return super.write(data, second, third, fourth);
      };
      if (!isView && !isShortText(data, third)) return byNode();
      const view = isView ? data : Buffer.from(data as string, (third ?? 'utf8') as BufferEncoding);
      let [from, count, at] = isView ? [second, third, fourth] : [0, view.byteLength, second];
      // As in Node, `null` stands for no options, and the arguments after it are ignored.
      if (typeof from === 'object') {
        const options = from ?? {};
        if (!isPlainObject(options)) return byNode();
        ({ offset: from, length: count, position: at } = options);
      }
      const start = numberOr(from, 0);
      const bytes = numberOr(count, view.byteLength - start);
      const where = plainPosition(at);
      const file = fileFor(this, view, start, bytes, where);
      const isForRing = file?.isWrittenByRing(where as number, bytes, view.buffer instanceof SharedArrayBuffer);
      const uring = isForRing ? uringOrNone() : undefined;
      if (file === undefined || uring === undefined) return byNode();
      counts.write.ring++;
      file.ref();
      // For a string, the result contains the string.
      const shape = isView ? writeResult : (written: number) => writeResult(written, data);
      return uring.transfers.write(file, view, start, bytes, where as number, shape);
    }

    override async stat(options?: unknown): Promise<Stats> {
      const plain = this.fd < 0 ? undefined : plainStatOptions(options);
      if (plain === undefined || !fileOf(this)?.hasAttributesInMemory || !hasTime()) {
        counts.stat.node++;
        return super.stat(options);
      }
      counts.stat.cached++;
      return node.fstatSync(this.fd, plain) as Stats;
    }

    override async readv(buffers: unknown, position?: unknown): Promise<unknown> {
      const bytesRead = readCached(this, buffers, position);
      if (bytesRead < 0) {
        counts.readv.node++;
        return super.readv(buffers, position);
      }
      counts.readv.cached++;
      return { __proto__: null, bytesRead, buffers };
    }

    async readMany(given: unknown, into?: unknown, options?: unknown): Promise<unknown> {
      const { ranges, length, signal } = checkReadMany(given, into, options);
      const target = (into ?? Buffer.allocUnsafeSlow(length)) as ArrayBufferView;
      const file = this.fd < 0 ? undefined : fileOf(this);
      if (file === undefined) throw systemError(-Errno.EBADF, 'read');
      if (file.positions === 'none') throw systemError(-Errno.ESPIPE, 'read');
      const uring = file.hasOffsets ? uringOrNone() : undefined;
      const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
      if (uring !== undefined) {
        counts.readMany.ring++;
        file.ref();
      } else counts.readMany.node++;
      const reading = uring?.transfers.readRanges(file, bytes, ranges, signal) ?? readByTurns(this, bytes, ranges, signal);
      const results = await reading;
      if (into === undefined) clearUnread(bytes, ranges, results);
      return { __proto__: null, results, buffer: target };
    }

    override async writev(buffers: unknown, position?: unknown): Promise<unknown> {
      const where = typeof position === 'number' ? plainPosition(position) : -1;
      const file = where === undefined || this.fd < 0 || !areViews(buffers) ? undefined : fileOf(this);
      const length = file === undefined ? 0 : lengthOf(buffers as ArrayBufferView[]);
      const uring = file?.isWrittenByRing(where as number, length) ? uringOrNone() : undefined;
      if (file === undefined || uring === undefined) {
        counts.writev.node++;
        return super.writev(buffers, position);
      }
      counts.writev.ring++;
      file.ref();
      // The ring works on a copy anyway, so one copy of all the views is made.
      const all = concatenated(buffers as ArrayBufferView[], length);
      const shape = (bytesWritten: number) => ({ __proto__: null, bytesWritten, buffers });
      return uring.transfers.write(file, all, 0, length, where as number, shape);
    }

    override async readFile(options?: unknown): Promise<unknown> {
      const plain = plainFileOptions(options, 'r');
      const file = this.fd < 0 || plain === undefined || plain.signal !== undefined ? undefined : fileOf(this);
      const uring = file?.isReadByRing(-1) ? uringOrNone() : undefined;
      if (uring === undefined) {
        counts.readFile.node++;
        return super.readFile(options);
      }
      counts.readFile.ring++;
      return readWhole(uring, file as OpenFile, () => FileHandle.prototype.stat.call(this), plain?.encoding);
    }

    override async writeFile(data: unknown, options?: unknown): Promise<unknown> {
      const plain = plainFileOptions(options, 'w');
      const isPlain = plain !== undefined && plain.signal === undefined && !plain.flush && isWholeData(data);
      const file = this.fd < 0 || !isPlain ? undefined : fileOf(this);
      const bytes = file && wholeBytes(data as WholeData, plain?.encoding);
      const uring = bytes && file?.isWrittenByRing(-1, bytes.length) ? uringOrNone() : undefined;
      if (uring === undefined) {
        counts.writeFile.node++;
        return super.writeFile(data, options);
      }
      counts.writeFile.ring++;
      return writeWhole(uring, file as OpenFile, bytes as Uint8Array);
    }

    override appendFile(data: unknown, options?: unknown): Promise<unknown> {
      return this.writeFile(data, options);
    }
  }

  /** Reads many ranges through Node, one after another. */
  const readByTurns = async (handle: NodeHandle, bytes: Uint8Array, ranges: Ranges, signal: AbortSignal | undefined) => {
    const results = new Int32Array(ranges.lengths.length);
    let start = 0;
    for (const [index, length] of ranges.lengths.entries()) {
      if (signal?.aborted) throw new AbortError(signal.reason);
      try {
        const reading = length === 0 ? undefined : Base.prototype.read.call(handle, bytes, start, length, ranges.offsets[index]);
        results[index] = ((await reading) as { bytesRead: number } | undefined)?.bytesRead ?? 0;
      } catch (error) {
        results[index] = (error as { errno?: number }).errno ?? -Errno.EIO;
      }
      start += length;
    }
    return results;
  };

  const extend = (handle: NodeHandle, flags: number, isCached: boolean) => {
    new Filed(handle, new OpenFile(handle.fd, flags, new Owner(handle), isCached));
    return handle as unknown as import('./read-many.js').FileHandle;
  };
  return {
    make(fd: number, flags: number, isCached: boolean) {
      const binding = new RingBinding(fd);
      binding.isCached = isCached;
      return extend(new FileHandle(binding), flags, isCached);
    },
    adopt(given: NodeFileHandle, flags: number) {
      const handle = given as unknown as NodeHandle;
      Object.setPrototypeOf(handle[kHandle], RingBinding.prototype);
      Object.setPrototypeOf(handle, FileHandle.prototype);
      return extend(handle, flags, false);
    },
  };
}

/** Returns the file, if the arguments are ordinary and valid. */
function fileFor(
  handle: NodeHandle,
  view: ArrayBufferView,
  start: number,
  bytes: number,
  where: number | undefined,
): OpenFile | undefined {
  if (where === undefined || handle.fd < 0) return undefined;
  if (start >>> 0 !== start || bytes >>> 0 !== bytes || bytes === 0 || start + bytes > view.byteLength) return undefined;
  return fileOf(handle);
}

/** Clears the parts of a new buffer that were not read into: new memory may contain anything. */
function clearUnread(bytes: Uint8Array, { lengths }: Ranges, results: Int32Array): void {
  let start = 0;
  for (let index = 0; index < lengths.length; index++) {
    const length = lengths[index] as number;
    const read = Math.max(0, results[index] as number);
    if (read < length) bytes.fill(0, start + read, start + length);
    start += length;
  }
}

/**
 * Reads synchronously if the page cache holds everything requested.
 *
 * @returns bytes, or negative.
 */
function readCached(handle: NodeHandle, buffers: unknown, position: unknown): number {
  const where = typeof position === 'number' ? plainPosition(position) : -1;
  if (where === undefined || where < 0 || handle.fd < 0 || !areViews(buffers)) return -1;
  const file = fileOf(handle);
  const ours = file?.canTry && file.hasOffsets && hasTime() ? cached() : null;
  const bytes = ours?.calls.read(handle.fd, buffers, where) ?? -1;
  return bytes === 0 || bytes === lengthOf(buffers) ? bytes : -1;
}

/** Before Node 24, a length that is not an integer aborts the process. */
const ABORTS_ON_LENGTH = Number.parseInt(process.versions.node, 10) < 24;

/** Returns the error for a length that must not be passed to Node; `undefined` if it may be. */
function wrongLength(length: unknown): Error | undefined {
  if (length === undefined || length === null) return undefined;
  try {
    checkInteger('length', length, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Returns a number, or the default; NaN for values that Node must check. */
function numberOr(value: unknown, none: number): number {
  if (typeof value === 'number') return value;
  return value === undefined || value === null ? none : Number.NaN;
}

/**
 * Returns a position that the ring accepts, -1 for the file's own, or `undefined` for values that
 * Node must check.
 */
function plainPosition(position: unknown): number | undefined {
  if (position === undefined || position === null) return -1;
  if (typeof position === 'number' && Number.isSafeInteger(position) && position >= 0) return position;
  return undefined;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Returns whether a value is text that is written as a whole, in an encoding that needs no checks.
 */
function isShortText(data: unknown, encoding: unknown): boolean {
  if (typeof data !== 'string' || data.length === 0 || 3 * data.length > MOST_COPIED) return false;
  return encoding === undefined || encoding === null || encoding === 'utf8' || encoding === 'utf-8' || encoding === 'latin1';
}
