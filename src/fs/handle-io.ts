/**
 * Whole contents by way of an open file: what `readFile`, `writeFile` and `appendFile` have in common, on paths and on handles.
 *
 * @module
 */

import type { Stream } from 'node:stream';
import { AbortError } from '../engine/index.js';
import { invalidArgType } from '../validate.js';
import type { FileOptions } from './arguments.js';
import type { FileHandle } from './handle.js';

/** What can be written. */
export type Writable =
  | string
  | NodeJS.ArrayBufferView
  | Iterable<string | NodeJS.ArrayBufferView>
  | AsyncIterable<string | NodeJS.ArrayBufferView>
  | Stream;

type Pieces = AsyncIterable<string | NodeJS.ArrayBufferView> | Iterable<string | NodeJS.ArrayBufferView>;

/** Node writes at most so much at once, and looks at the signal in between. */
export const MAX_CHUNK = 512 * 1024;

/** What is read at once of a file of known size. */
const PIECE = 1024 * 1024;

/** What is read at once of a file whose size is not known. */
export const UNKNOWN_PIECE = 64 * 1024;

/** Node's limit: kIoMaxLength. */
export const MAX_SIZE = 2 ** 31 - 1;

/** Data in the form of bytes, or as the iterable that it is. */
export function writableData(data: unknown, encoding: BufferEncoding | undefined): Uint8Array | Pieces {
  if (typeof data === 'string') return Buffer.from(data, encoding ?? 'utf8');
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (typeof data === 'object' && data !== null && (Symbol.iterator in data || Symbol.asyncIterator in data))
    return data as Pieces;
  throw invalidArgType('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}

/** Writes data at a handle's current position, all of it. */
export async function writeHandle(handle: FileHandle, data: Uint8Array | Pieces, options: FileOptions): Promise<void> {
  const { signal, encoding } = options;
  checkAborted(signal);
  if (data instanceof Uint8Array) return writeAll(handle, data, signal);
  for await (const piece of data) {
    checkAborted(signal);
    // As Node does it: whatever Buffer.from takes.
    const bytes = ArrayBuffer.isView(piece) ? piece : Buffer.from(piece as string, encoding ?? 'utf8');
    await writeAll(handle, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), signal);
    checkAborted(signal);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    checkAborted(signal);
    const { bytesWritten } = await handle.write(bytes, done, Math.min(MAX_CHUNK, bytes.length - done), null);
    done += bytesWritten;
  }
}

/** @throws AbortError when the signal is aborted. */
export function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortError(signal.reason);
}

/** What a handle has from its current position on, at most as much as the file's size. */
export async function readHandle(handle: FileHandle, options: FileOptions): Promise<Buffer | string> {
  const { signal, encoding } = options;
  checkAborted(signal);
  const stats = await handle.stat();
  checkAborted(signal);
  const size = stats.isFile() ? stats.size : 0;
  if (size > MAX_SIZE) throw tooLarge(size);
  const parts: Buffer[] = [];
  let total = 0;
  for (;;) {
    checkAborted(signal);
    const length = size > 0 ? Math.min(PIECE, size - total) : UNKNOWN_PIECE;
    const buffer = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await handle.read(buffer, 0, length, null);
    total += bytesRead;
    if (bytesRead > 0) parts.push(buffer.subarray(0, bytesRead));
    if (bytesRead === 0 || total === size) break;
  }
  const content = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  return finish(content, encoding);
}

/** The content as the caller wants it. */
export function finish(content: Buffer, encoding: BufferEncoding | undefined): Buffer | string {
  return encoding === undefined ? content : content.toString(encoding);
}

/** The error of a file that does not fit into a Buffer. */
export function tooLarge(size: number): RangeError {
  return Object.assign(new RangeError(`File size (${size}) is greater than 2 GiB`), { code: 'ERR_FS_FILE_TOO_LARGE' });
}
