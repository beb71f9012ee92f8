/**
 * An open file of a simulated kernel: the part of `FileHandle` that works on its content.
 *
 * @module
 */

import { EventEmitter } from 'node:events';
import type { BigIntStats, Stats } from 'node:fs';
import { op } from '../engine/index.js';
import { plainFileOptions } from '../fs/arguments.js';
import { invalidArgType, invalidArgValue } from '../validate.js';
import type { Calls } from './calls.js';

/** Data to write. */
export type Data =
  | string
  | NodeJS.ArrayBufferView
  | Iterable<string | NodeJS.ArrayBufferView>
  | AsyncIterable<string | NodeJS.ArrayBufferView>;

interface Range {
  readonly offset?: number | null | undefined;
  readonly length?: number | null | undefined;
  readonly position?: number | bigint | null | undefined;
}

const DEFAULT_SIZE = 16 * 1024;

/**
 * An open file of a simulated disk, as its `promises.open` returns it: what `FileHandle` has for
 * content, without streams, and without `chmod`, `chown` and `utimes`. Errors are those of Node.
 */
export class SimulatedFileHandle extends EventEmitter {
  private closing: Promise<void> | undefined;

  /** @internal */
  constructor(
    private readonly calls: Calls,
    private descriptor: number,
  ) {
    super();
  }

  /** The descriptor, of the simulated kernel; -1 once it is closed. */
  get fd(): number {
    return this.descriptor;
  }

  /** As `FileHandle.read`. */
  async read<Buffer extends NodeJS.ArrayBufferView>(
    given?: Buffer | (Range & { readonly buffer?: Buffer }) | null,
    offset?: number | Range | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: Buffer }> {
    const isBuffer = ArrayBuffer.isView(given);
    const buffer = (isBuffer ? given : (given?.buffer ?? globalThis.Buffer.alloc(DEFAULT_SIZE))) as Buffer;
    const range = !isBuffer ? (given ?? {}) : typeof offset === 'object' ? (offset ?? {}) : { offset, length, position };
    const piece = part(buffer, range as Range);
    const operation = op.read(this.open('read'), piece, { offset: range.position ?? undefined });
    return { bytesRead: piece.length === 0 ? 0 : await this.calls.run(operation, { syscall: 'read' }), buffer };
  }

  /** As `FileHandle.write`. */
  async write(
    data: string | NodeJS.ArrayBufferView,
    offset?: number | Range | null,
    length?: number | BufferEncoding | null,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffer: string | NodeJS.ArrayBufferView }> {
    let range: Range;
    let bytes: Uint8Array;
    if (typeof data === 'string') {
      range = { position: offset as number | null };
      bytes = Buffer.from(data, (length ?? 'utf8') as BufferEncoding);
    } else {
      range = typeof offset === 'object' ? (offset ?? {}) : { offset, length: length as number, position };
      bytes = part(data, range);
    }
    const operation = op.write(this.open('write'), bytes, { offset: range.position ?? undefined });
    return { bytesWritten: bytes.length === 0 ? 0 : await this.calls.run(operation, { syscall: 'write' }), buffer: data };
  }

  /** As `FileHandle.readv`. */
  async readv(
    buffers: readonly NodeJS.ArrayBufferView[],
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: readonly NodeJS.ArrayBufferView[] }> {
    const operation = op.readv(this.open('readv'), buffers.map(bytesOf), { offset: position ?? undefined });
    return { bytesRead: await this.calls.run(operation, { syscall: 'read' }), buffers };
  }

  /** As `FileHandle.writev`. */
  async writev(
    buffers: readonly NodeJS.ArrayBufferView[],
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffers: readonly NodeJS.ArrayBufferView[] }> {
    const operation = op.writev(this.open('writev'), buffers.map(bytesOf), { offset: position ?? undefined });
    return { bytesWritten: await this.calls.run(operation, { syscall: 'write' }), buffers };
  }

  /** As `FileHandle.readFile`. */
  async readFile(options?: unknown): Promise<Buffer | string> {
    const { encoding, signal } = fileOptions(options, 'r');
    const content = await this.calls.readAll(this.open('read'), signal);
    return encoding === undefined ? content : content.toString(encoding);
  }

  /** As `FileHandle.writeFile`. */
  async writeFile(data: Data, options?: unknown): Promise<void> {
    const { encoding, signal, flush } = fileOptions(options, 'w');
    const fd = this.open('write');
    const isWhole = typeof data === 'string' || ArrayBuffer.isView(data);
    for await (const piece of isWhole ? [data] : data) {
      const bytes = typeof piece === 'string' ? Buffer.from(piece, encoding ?? 'utf8') : bytesOf(piece);
      await this.calls.writeAll(fd, bytes, signal);
    }
    if (flush) await this.sync();
  }

  /** As `FileHandle.appendFile`: writes at the current position. */
  async appendFile(data: Data, options?: unknown): Promise<void> {
    await this.writeFile(data, options);
  }

  /** As `FileHandle.stat`. */
  async stat(options: { readonly bigint?: boolean } = {}): Promise<Stats | BigIntStats> {
    const operation = op.statx(this.open('fstat'), { bigint: options.bigint === true });
    return await this.calls.run(operation, { syscall: 'fstat' });
  }

  /** As `FileHandle.truncate`. */
  async truncate(length = 0): Promise<void> {
    await this.calls.run(op.ftruncate(this.open('ftruncate'), Math.max(0, length)), { syscall: 'ftruncate' });
  }

  /** As `FileHandle.sync`. */
  async sync(): Promise<void> {
    await this.calls.run(op.fsync(this.open('fsync')), { syscall: 'fsync' });
  }

  /** As `FileHandle.datasync`. */
  async datasync(): Promise<void> {
    await this.calls.run(op.fsync(this.open('fdatasync'), { datasync: true }), { syscall: 'fdatasync' });
  }

  /** Closes the file. Idempotent, as Node's. */
  close(): Promise<void> {
    if (this.descriptor === -1 && this.closing === undefined) return Promise.resolve();
    this.closing ??= (async () => {
      const fd = this.descriptor;
      this.descriptor = -1;
      try {
        await this.calls.run(op.closeFile(fd), { syscall: 'close' });
      } finally {
        this.closing = undefined;
        this.emit('close');
      }
    })();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private open(syscall: string): number {
    if (this.descriptor === -1) throw Object.assign(new Error('file closed'), { code: 'EBADF', syscall });
    return this.descriptor;
  }
}

/** Returns the bytes of any view. */
export function bytesOf(view: NodeJS.ArrayBufferView): Uint8Array {
  if (!ArrayBuffer.isView(view)) throw invalidArgType('buffer', 'an instance of Buffer, TypedArray, or DataView', view);
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** @throws TypeError for options that `node:fs` would refuse. */
export function fileOptions(options: unknown, flag: string) {
  const plain = plainFileOptions(options, flag);
  if (plain === undefined) throw invalidArgValue('options', options, 'is invalid');
  return plain;
}

function part(view: NodeJS.ArrayBufferView, { offset, length }: Range): Uint8Array {
  const bytes = bytesOf(view);
  const start = offset ?? 0;
  const end = start + (length ?? bytes.length - start);
  if (start < 0 || end < start || end > bytes.length) {
    throw Object.assign(
      new RangeError(`The value of "length" is out of range. It must be <= ${bytes.length - start}. Received ${length}`),
      {
        code: 'ERR_OUT_OF_RANGE',
      },
    );
  }
  return bytes.subarray(start, end);
}
