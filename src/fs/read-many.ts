/**
 * Reading many parts of an open file, with one promise.
 *
 * @module
 */

import type { FileHandle as NodeFileHandle } from 'node:fs/promises';
import type { Ranges } from '../engine/internal.js';
import { checkInteger, checkOptions, invalidArgType, invalidArgValue, outOfRange } from '../validate.js';

/** A part of a file. */
export interface FileRange {
  /** The start of the part in the file, in bytes. */
  readonly offset: number;
  /** The length of the part, in bytes. */
  readonly length: number;
}

/** Parts of a file: objects, or an array of alternating offsets and lengths, which is cheaper. */
export type FileRanges = readonly FileRange[] | Int32Array | Uint32Array | Float64Array;

/** The options of {@link FileHandle.readMany}. */
export interface ReadRangesOptions {
  /** Cancels the reads that have not completed. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of {@link FileHandle.readMany}. */
export interface ReadRangesResult<Into extends NodeJS.ArrayBufferView = Buffer> {
  /**
   * For each part, the number of bytes read, which is less than its length only at the end of the
   * file; or the kernel's error, as a negative number.
   */
  results: Int32Array;
  /**
   * The parts, one after another, each with as much room as its length. Zeros where a new Buffer
   * was not filled.
   */
  buffer: Into;
}

/** Node's `FileHandle`, with the methods that only this library has. */
export interface FileHandle extends NodeFileHandle {
  /**
   * Reads many parts of the file, with one promise for all of them, into contiguous memory. For
   * hundreds of parts, such as a database or an index reads, this is several times faster than as
   * many `read`s.
   *
   * @param into at least as long as all parts together; memory of `uring.buffers` for O_DIRECT. By
   * default, a new Buffer.
   * @throws AbortError; TypeError and RangeError for invalid parts; Error ESPIPE for files without
   * positions.
   *
   * @example
   * ```ts
   * const ranges = [{ offset: 0, length: 100 }, { offset: 8192, length: 4096 }];
   * const { results, buffer } = await handle.readMany(ranges);
   * const second = buffer.subarray(100, 100 + results[1]);
   * ```
   */
  readMany(ranges: FileRanges, into?: undefined, options?: ReadRangesOptions): Promise<ReadRangesResult>;
  readMany<Into extends NodeJS.ArrayBufferView>(
    ranges: FileRanges,
    into: Into,
    options?: ReadRangesOptions,
  ): Promise<ReadRangesResult<Into>>;
}

const MOST_BYTES = 0x7fff_ffff;

/**
 * Checks the arguments, and returns the ranges as the engine takes them, and the signal.
 *
 * @throws TypeError, RangeError.
 */
export function checkReadMany(
  given: unknown,
  into: unknown,
  options: unknown,
): { readonly ranges: Ranges; readonly length: number; readonly signal: AbortSignal | undefined } {
  const flat = flatRanges(given);
  const count = flat.length / 2;
  const ranges = { offsets: new Float64Array(count), lengths: new Int32Array(count) };
  let total = 0;
  for (let index = 0; index < count; index++) {
    const [offset, length] = [flat[2 * index], flat[2 * index + 1]];
    checkInteger(`ranges[${index}].offset`, offset, 0, Number.MAX_SAFE_INTEGER);
    checkInteger(`ranges[${index}].length`, length, 0, MOST_BYTES);
    ranges.offsets[index] = offset;
    ranges.lengths[index] = length;
    total += length;
  }
  if (total > MOST_BYTES) throw outOfRange('ranges', `at most ${MOST_BYTES} bytes together`, total);
  if (into !== undefined) {
    if (!ArrayBuffer.isView(into)) throw invalidArgType('into', 'an instance of Buffer, TypedArray, or DataView', into);
    if (into.byteLength < total) throw outOfRange('into.byteLength', `>= ${total}`, into.byteLength);
  }
  const checked = options ?? {};
  checkOptions(checked, ['signal']);
  const { signal } = checked as ReadRangesOptions;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgType('options.signal', 'an instance of AbortSignal', signal);
  }
  return { ranges, length: total, signal };
}

function flatRanges(given: unknown): ArrayLike<unknown> {
  if (given instanceof Int32Array || given instanceof Uint32Array || given instanceof Float64Array) {
    if (given.length % 2 !== 0) throw invalidArgValue('ranges', given, 'must have an offset and a length for each range');
    return given;
  }
  if (!Array.isArray(given)) throw invalidArgType('ranges', 'an array of ranges, or an Int32Array of offsets and lengths', given);
  return given.flatMap((range: unknown, index) => {
    if (typeof range !== 'object' || range === null) throw invalidArgType(`ranges[${index}]`, 'an object', range);
    const { offset, length } = range as FileRange;
    return [offset, length];
  });
}
