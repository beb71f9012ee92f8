/**
 * `FileHandle`: Node's, over io_uring.
 *
 * @module
 */

import { EventEmitter } from 'node:events';
import fs, { type BigIntStats, type ReadStream, type Stats, type WriteStream } from 'node:fs';
import type { FileHandle as NodeFileHandle } from 'node:fs/promises';
import { createInterface, type Interface } from 'node:readline';
import { ReadableStream } from 'node:stream/web';
import { promisify } from 'node:util';
import { op } from '../engine/index.js';
import { checkInteger, invalidArgType, invalidArgValue, invalidState, outOfRange } from '../validate.js';
import { optionsOfHandle } from './arguments.js';
import { ring } from './backend.js';
import { call } from './call.js';
import { closedHandleError } from './errors.js';
import { readHandle, type Writable, writableData, writeHandle } from './handle-io.js';
import type { OpenFile } from './open-file.js';
import { streamOfHandle } from './streams.js';

/** `fchmod` and its like have no operation of io_uring's. */
const node = {
  fchmod: promisify(fs.fchmod),
  fchown: promisify(fs.fchown),
  futimes: promisify(fs.futimes),
  ftruncate: promisify(fs.ftruncate),
};

/** From Node 21 on, `read` refuses positions that make no sense, where older versions read at the current one. */
const CHECKS_POSITION = Number.parseInt(process.versions.node, 10) >= 21;

const DEFAULT_READ_SIZE = 16_384;

/** The result of {@link FileHandle.read}. */
export interface ReadResult<T extends ArrayBufferView> {
  bytesRead: number;
  buffer: T;
}

/** Options of {@link FileHandle.read}. */
export interface ReadOptions {
  offset?: number | null;
  length?: number | null;
  position?: number | bigint | null;
}

// As Node's results, without a prototype.
const readResult = (count: number, view: ArrayBufferView) => ({ __proto__: null, bytesRead: count, buffer: view });
const writeResult = (count: number, view: ArrayBufferView) => ({ __proto__: null, bytesWritten: count, buffer: view });

const collected = new FinalizationRegistry<OpenFile>((file) => {
  process.emitWarning(`Closing file descriptor ${file.fd} on garbage collection`);
  process.emitWarning(
    'Closing a FileHandle object on garbage collection is deprecated. Please close FileHandle objects explicitly using FileHandle.prototype.close(). In the future, an error will be thrown if a file descriptor is closed during garbage collection.',
    'DeprecationWarning',
    'DEP0137',
  );
  file.forget();
});

/** An open file. See `FileHandle` of `node:fs/promises`. */
export class FileHandle extends EventEmitter {
  readonly #file: OpenFile;
  #locked = false;

  /** @internal */
  constructor(file: OpenFile) {
    super();
    this.#file = file;
    collected.register(this, file, this);
  }

  /** A handle's file. @internal */
  static fileOf(handle: FileHandle): OpenFile {
    return handle.#file;
  }

  /** The descriptor; -1 once it is closed. */
  get fd(): number {
    return this.#file.fd;
  }

  /** Node's handles are async resources; this one is none, and answers 0. */
  getAsyncId(): number {
    return 0;
  }

  // Reading and writing

  /** Reads, once. See `filehandle.read()`; all its forms. What a regular file has is read in full. */
  read<T extends ArrayBufferView>(
    buffer: T,
    offset?: number | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<ReadResult<T>>;
  read<T extends ArrayBufferView>(buffer: T, options?: ReadOptions): Promise<ReadResult<T>>;
  read<T extends ArrayBufferView = Buffer>(options?: ReadOptions & { buffer?: T }): Promise<ReadResult<T>>;
  read(buffer?: unknown, offset?: unknown, length?: unknown, position?: unknown): Promise<ReadResult<ArrayBufferView>> {
    // The form that loops use, without a detour.
    if (
      ArrayBuffer.isView(buffer) &&
      typeof offset === 'number' &&
      typeof length === 'number' &&
      offset >>> 0 === offset &&
      length >>> 0 === length &&
      length > 0 &&
      offset + length <= buffer.byteLength &&
      (position === null ||
        position === undefined ||
        (typeof position === 'number' && Number.isSafeInteger(position) && position >= 0)) &&
      this.#file.fd >= 0 &&
      (this.#file.canTry || typeof position === 'number') &&
      !this.#file.nonBlocking
    ) {
      const uring = ringOrNone();
      if (uring !== undefined) {
        this.#file.addUser();
        const at = (position ?? -1) as number;
        return uring.transfers.read(this.#file, buffer, offset, length, at, readResult) as unknown as Promise<
          ReadResult<ArrayBufferView>
        >;
      }
    }
    return this.#readAny(buffer, offset, length, position);
  }

  async #readAny(first: unknown, second: unknown, third: unknown, fourth: unknown): Promise<ReadResult<ArrayBufferView>> {
    this.#checkOpen('read');
    let buffer = first as ArrayBufferView;
    let [offset, length, position] = [second, third, fourth];
    if (!ArrayBuffer.isView(first)) {
      if (first !== undefined && first !== null && (typeof first !== 'object' || Array.isArray(first))) {
        throw invalidArgType('options', 'of type object', first);
      }
      const options = (first ?? {}) as ReadOptions & { buffer?: ArrayBufferView };
      buffer = options.buffer === undefined ? Buffer.alloc(DEFAULT_READ_SIZE) : options.buffer;
      if (!ArrayBuffer.isView(buffer)) throw invalidArgType('buffer', 'an instance of Buffer, TypedArray, or DataView', buffer);
      ({ offset = 0, length = buffer.byteLength - Number(offset), position = null } = options as Record<string, unknown>);
    }
    if (offset !== null && typeof offset === 'object') {
      ({ offset = 0, length = buffer.byteLength - Number(offset), position = null } = offset as Record<string, unknown>);
    }
    if (offset === undefined || offset === null) offset = 0;
    else checkInteger('offset', offset, 0, Number.MAX_SAFE_INTEGER);
    const from = offset as number;
    length ??= buffer.byteLength - from;
    const at = CHECKS_POSITION ? checkPosition(position, length) : Number.isSafeInteger(position) ? (position as number) : -1;
    if (length === 0) return readResult(0, buffer) as unknown as ReadResult<ArrayBufferView>;
    if (buffer.byteLength === 0) throw invalidArgValue('buffer', buffer, 'is empty and cannot be written');
    const count = length as number;
    if (count < 0) throw outOfRange('length', '>= 0', count);
    if (!(from + count <= buffer.byteLength)) throw outOfRange('length', `<= ${buffer.byteLength - from}`, count);
    const where = typeof at === 'bigint' ? at : at < 0 ? -1 : at;
    const bytesRead = await this.#file.read(buffer, from, count, where);
    return readResult(bytesRead, buffer) as unknown as ReadResult<ArrayBufferView>;
  }

  /** Writes all of a buffer, of a part of it, or of a string. See `filehandle.write()`; all its forms. */
  write<T extends ArrayBufferView>(
    buffer: T,
    offset?: number | null,
    length?: number | null,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffer: T }>;
  write<T extends ArrayBufferView>(
    buffer: T,
    options?: { offset?: number | null; length?: number | null; position?: number | null },
  ): Promise<{ bytesWritten: number; buffer: T }>;
  write(
    text: string,
    position?: number | null,
    encoding?: BufferEncoding | null,
  ): Promise<{ bytesWritten: number; buffer: string }>;
  async write(data: unknown, second?: unknown, third?: unknown, fourth?: unknown): Promise<never> {
    this.#checkOpen('write');
    if ((data as ArrayBufferView | undefined)?.byteLength === 0) return writeResult(0, data as ArrayBufferView) as never;
    let [offset, length, position] = [second, third, fourth];
    let view = data as ArrayBufferView;
    if (ArrayBuffer.isView(data)) {
      if (typeof offset === 'object') {
        ({ offset = 0, length = data.byteLength - Number(offset), position = null } = (offset ?? {}) as Record<string, unknown>);
      }
      if (offset === undefined || offset === null) offset = 0;
      else checkInteger('offset', offset, 0, Number.MAX_SAFE_INTEGER);
      if (typeof length !== 'number') length = data.byteLength - (offset as number);
    } else {
      if (typeof data !== 'string') {
        throw invalidArgType('buffer', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
      }
      view = textBytes(data, third);
      [offset, length, position] = [0, view.byteLength, second];
    }
    const [from, count] = [offset as number, length as number];
    if (from > view.byteLength) throw outOfRange('offset', `<= ${view.byteLength}`, from);
    if (count > view.byteLength - from) throw outOfRange('length', `<= ${view.byteLength - from}`, count);
    if (count < 0) throw outOfRange('length', '>= 0', count);
    const at = typeof position === 'number' && Number.isSafeInteger(position) && position >= 0 ? position : -1;
    // A string is answered with the string.
    const shape = (written: number) => ({ __proto__: null, bytesWritten: written, buffer: data });
    const bytesWritten = await this.#file.write(view, from, count, at);
    return shape(bytesWritten) as never;
  }

  /** Reads into several buffers. See `filehandle.readv()`. */
  async readv<T extends readonly ArrayBufferView[]>(
    buffers: T,
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: T }> {
    this.#checkOpen('readv');
    checkBuffers(buffers);
    const bytesRead = await this.#file.readv(buffers, typeof position === 'number' && position >= 0 ? position : -1);
    return { __proto__: null, bytesRead, buffers } as { bytesRead: number; buffers: T };
  }

  /** Writes several buffers. See `filehandle.writev()`. */
  async writev<T extends readonly ArrayBufferView[]>(
    buffers: T,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffers: T }> {
    this.#checkOpen('writev');
    checkBuffers(buffers);
    const bytesWritten = await this.#file.writev(buffers, typeof position === 'number' && position >= 0 ? position : -1);
    return { __proto__: null, bytesWritten, buffers } as { bytesWritten: number; buffers: T };
  }

  /** Reads from the current position to the end. See `filehandle.readFile()`. */
  readFile: NodeFileHandle['readFile'] = (async (options?: unknown) => {
    this.#checkOpen('readFile');
    const checked = await optionsOfHandle('readFile', undefined, options);
    return this.#file.use(() => readHandle(this, checked));
  }) as NodeFileHandle['readFile'];

  /** Writes at the current position. See `filehandle.writeFile()`. */
  async writeFile(data: Writable, options?: Parameters<NodeFileHandle['writeFile']>[1]): Promise<void> {
    this.#checkOpen('writeFile');
    const checked = await optionsOfHandle('writeFile', data, options);
    const bytes = writableData(data, checked.encoding);
    return this.#file.use(() => writeHandle(this, bytes, checked));
  }

  /** As {@link writeFile}. See `filehandle.appendFile()`. */
  appendFile(data: Writable, options?: Parameters<NodeFileHandle['writeFile']>[1]): Promise<void> {
    return this.writeFile(data, options);
  }

  // The file itself

  /** fstat(2). See `filehandle.stat()`. */
  stat(options?: { bigint?: false | undefined }): Promise<Stats>;
  stat(options: { bigint: true }): Promise<BigIntStats>;
  stat(options: { bigint?: boolean | undefined }): Promise<Stats | BigIntStats>;
  async stat(options: { bigint?: boolean | undefined } = {}): Promise<Stats | BigIntStats> {
    this.#checkOpen('fstat');
    const bigint = options.bigint === true;
    return this.#file.use((uring) => call<Stats | BigIntStats>(uring, op.statx(this.#file.fd, { bigint }), 'fstat'));
  }

  /** ftruncate(2). See `filehandle.truncate()`. */
  async truncate(length = 0): Promise<void> {
    this.#checkOpen('ftruncate');
    checkInteger('len', length, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const size = Math.max(0, length);
    return this.#file.use((uring) =>
      uring.supports('FTRUNCATE')
        ? call(uring, op.ftruncate(this.#file.fd, size), 'ftruncate')
        : node.ftruncate(this.#file.fd, size),
    );
  }

  /** fsync(2). See `filehandle.sync()`. */
  async sync(): Promise<void> {
    this.#checkOpen('fsync');
    return this.#file.use((uring) => call(uring, op.fsync(this.#file.fd), 'fsync'));
  }

  /** fdatasync(2). See `filehandle.datasync()`. */
  async datasync(): Promise<void> {
    this.#checkOpen('fdatasync');
    return this.#file.use((uring) => call(uring, op.fsync(this.#file.fd, { datasync: true }), 'fdatasync'));
  }

  /** fchmod(2). Node's own. */
  async chmod(mode: fs.Mode): Promise<void> {
    this.#checkOpen('fchmod');
    return this.#file.use(() => node.fchmod(this.#file.fd, mode));
  }

  /** fchown(2). Node's own. */
  async chown(uid: number, gid: number): Promise<void> {
    this.#checkOpen('fchown');
    return this.#file.use(() => node.fchown(this.#file.fd, uid, gid));
  }

  /** futimes(3). Node's own. */
  async utimes(atime: fs.TimeLike, mtime: fs.TimeLike): Promise<void> {
    this.#checkOpen('futimes');
    return this.#file.use(() => node.futimes(this.#file.fd, atime, mtime));
  }

  // Streams

  /** A stream from the file. See `filehandle.createReadStream()`. */
  createReadStream(options?: Parameters<NodeFileHandle['createReadStream']>[0]): ReadStream {
    return streamOfHandle(this, this.#file, 'read', options) as unknown as ReadStream;
  }

  /** A stream to the file. See `filehandle.createWriteStream()`. */
  createWriteStream(options?: Parameters<NodeFileHandle['createWriteStream']>[0]): WriteStream {
    return streamOfHandle(this, this.#file, 'write', options) as unknown as WriteStream;
  }

  /** The file line by line. See `filehandle.readLines()`. */
  readLines(options?: Parameters<NodeFileHandle['createReadStream']>[0]): Interface {
    return createInterface({ input: this.createReadStream(options), crlfDelay: Number.POSITIVE_INFINITY });
  }

  /** A web stream of bytes from the file, one at a time. See `filehandle.readableWebStream()`. */
  readableWebStream(
    options: { readonly type?: string | null | undefined; readonly autoClose?: boolean | undefined } = {},
  ): ReadableStream {
    const file = this.#file;
    if (file.fd < 0) throw invalidState('The FileHandle is closed');
    if (file.ending) throw invalidState('The FileHandle is closing');
    if (this.#locked) throw invalidState('The FileHandle is locked');
    const { type, autoClose = false } = options;
    if (type !== undefined && type !== null && typeof type !== 'string')
      throw invalidArgType('options.type', 'of type string', type);
    if (typeof autoClose !== 'boolean') throw invalidArgType('options.autoClose', 'of type boolean', autoClose);
    this.#locked = true;
    file.addUser();
    let over = false;
    const end = async () => {
      if (over) return;
      over = true;
      file.unref();
      if (autoClose) await this.close();
    };
    let stop: (() => void) | undefined;
    const stream = new ReadableStream({
      type: 'bytes',
      autoAllocateChunkSize: DEFAULT_READ_SIZE,
      start: (controller) => {
        stop = () => controller.close();
      },
      pull: async (controller) => {
        const request = controller.byobRequest;
        const view = request?.view as Uint8Array;
        const { bytesRead } = await this.read(view, 0, view.byteLength, null);
        if (bytesRead === 0) {
          controller.close();
          await end();
        }
        request?.respond(bytesRead);
      },
      cancel: end,
    });
    this.once('close', () => {
      try {
        if (!over) stop?.();
      } catch {
        // It has failed already.
      }
      void end();
    });
    return stream;
  }

  // The end

  /**
   * Closes the file, when all that is in flight on it is over. See `filehandle.close()`. Idempotent.
   */
  readonly close = (): Promise<void> => {
    const file = this.#file;
    if (file.ending) return file.close();
    collected.unregister(this);
    const closed = file.close();
    this.emit('close');
    return closed;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #checkOpen(syscall: string): void {
    if (this.#file.fd < 0) throw closedHandleError(syscall);
  }
}

/** The engine; none, where it cannot be had: then the slow way tells why, as a rejection. */
function ringOrNone(): ReturnType<typeof ring> {
  try {
    return ring();
  } catch {
    return undefined;
  }
}

function checkPosition(position: unknown, length: unknown): number | bigint {
  if (position === undefined || position === null) return -1;
  if (typeof position === 'number') {
    checkInteger('position', position, -1, Number.MAX_SAFE_INTEGER);
    return position;
  }
  if (typeof position !== 'bigint') throw invalidArgType('position', 'of type bigint or integer', position);
  const most = 2n ** 63n - 1n - BigInt(length as number);
  if (position < -1n || position > most) throw outOfRange('position', `>= -1 && <= ${most}`, position);
  return position;
}

function checkBuffers(buffers: unknown): asserts buffers is readonly ArrayBufferView[] {
  if (!Array.isArray(buffers) || !buffers.every((item) => ArrayBuffer.isView(item))) {
    throw invalidArgType('buffers', 'an ArrayBufferView[]', buffers);
  }
}

function textBytes(text: string, encoding: unknown): Buffer {
  // Node takes an encoding that it does not know for UTF-8 here.
  const name = Buffer.isEncoding(encoding as string) ? (encoding as BufferEncoding) : 'utf8';
  if (name.toLowerCase() === 'hex' && text.length % 2 !== 0) {
    throw invalidArgValue('encoding', encoding, `is invalid for data of length ${text.length}`);
  }
  return Buffer.from(text, name);
}
