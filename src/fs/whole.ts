/**
 * Reading and writing the whole content of an open file.
 *
 * @module
 */

import type { Uring } from '../engine/index.js';
import type { OpenFile } from './open-file.js';
import { MOST_COPIED } from './who-writes.js';

/** Data that is written at once. */
export type WholeData = string | ArrayBufferView;

/** The number of bytes read at once from a file of known size. */
const PIECE = 1024 * 1024;

/** The number of bytes read at once from a file of unknown size. */
export const UNKNOWN_PIECE = 64 * 1024;

/** Node's limit: kIoMaxLength. */
export const MAX_SIZE = 2 ** 31 - 1;

const counted = (count: number) => count;

/** Returns whether data is ordinary, and short enough to be written by the ring. */
export function isWholeData(data: unknown): data is WholeData {
  if (typeof data === 'string') return 3 * data.length <= MOST_COPIED;
  return ArrayBuffer.isView(data) && data.byteLength <= MOST_COPIED;
}

/** Returns data as bytes. */
export function wholeBytes(data: WholeData, encoding: BufferEncoding | undefined): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, encoding ?? 'utf8');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Writes all bytes at a file's position. */
export async function writeWhole(uring: Uring, file: OpenFile, bytes: Uint8Array): Promise<void> {
  file.ref();
  try {
    for (let done = 0; done < bytes.length; ) {
      file.ref();
      done += await uring.transfers.write(file, bytes, done, bytes.length - done, -1, counted);
    }
  } finally {
    file.unref();
  }
}

/** Reads a file from its position on, at most as many bytes as its size. */
export async function readWhole(
  uring: Uring,
  file: OpenFile,
  stat: () => Promise<{ size: number; isFile(): boolean }>,
  encoding: BufferEncoding | undefined,
): Promise<Buffer | string> {
  file.ref();
  try {
    const stats = await stat();
    const size = stats.isFile() ? stats.size : 0;
    if (size > MAX_SIZE) throw tooLarge(size);
    const parts: Buffer[] = [];
    for (let total = 0; ; ) {
      const length = size > 0 ? Math.min(PIECE, size - total) : UNKNOWN_PIECE;
      const buffer = Buffer.allocUnsafeSlow(length);
      file.ref();
      const bytes = await uring.transfers.read(file, buffer, 0, length, -1, counted);
      total += bytes;
      if (bytes > 0) parts.push(buffer.subarray(0, bytes));
      if (bytes === 0 || total === size) break;
    }
    return finish(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts), encoding);
  } finally {
    file.unref();
  }
}

/** Converts the content to the form that the caller wants. */
export function finish(content: Buffer, encoding: BufferEncoding | undefined): Buffer | string {
  if (encoding === undefined) return content;
  try {
    return content.toString(encoding);
  } catch (error) {
    // Node concatenates the text piece by piece, so the JavaScript engine throws this error.
    if ((error as { code?: unknown }).code === 'ERR_STRING_TOO_LONG') throw new RangeError('Invalid string length');
    throw error;
  }
}

/** Creates the error for a file that does not fit in a Buffer. */
export function tooLarge(size: number): RangeError {
  return Object.assign(new RangeError(`File size (${size}) is greater than 2 GiB`), { code: 'ERR_FS_FILE_TOO_LARGE' });
}
