/**
 * A lease: the kernel's permission to use a piece of the caller's memory, from the submission to
 * the last completion.
 *
 * The kernel is given only memory that stays in place for as long as the kernel needs it, however
 * the program ends: the engine's pool, and SharedArrayBuffers, which cannot be detached or
 * transferred. An ordinary ArrayBuffer can be, and its memory then gets another owner: for it, the
 * kernel works on a copy in the pool.
 *
 * ```text
 *   view -> lease ->  in place      the address of the view itself; memory of the pool is not
 *                                   reused before `release`
 *                     a copy        the address of a block; `copyBack` copies what the kernel has
 *                                   written to the view
 * ```
 *
 * @module
 */

import { isMainThread } from 'node:worker_threads';
import { assert } from '../../assert.js';
import { MIN_ARENA_SIZE } from '../../ring/index.js';
import { invalidState } from '../../validate.js';
import type { Block, Pool } from './pool.js';

/** Memory that users can pass: a view of any kind, or a whole buffer. */
export type Memory = ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** How the kernel uses the memory: it reads `'input'` and writes `'output'`. */
export type Direction = 'input' | 'output';

/** Returns a view over all bytes of the memory. */
export function bytesOf(memory: Memory): Uint8Array {
  if (ArrayBuffer.isView(memory)) return new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
  return new Uint8Array(memory);
}

/**
 * Returns whether a SharedArrayBuffer stays in place even when this thread is terminated (see
 * `ring/arena.ts`).
 */
export function outlivesThread(buffer: ArrayBufferLike): boolean {
  return buffer instanceof SharedArrayBuffer && (isMainThread || buffer.byteLength >= MIN_ARENA_SIZE);
}

/** Returns the error of an operation whose memory is gone. */
export function detachedError(what: string): Error {
  return invalidState(`the buffer was detached (or shrunk) while it was used; ${what}`);
}

/** Memory that the kernel may use. */
export abstract class Lease {
  private released = false;

  constructor(
    /** The address for the kernel. */
    readonly address: number,
  ) {}

  /** Ends the lease: the kernel no longer uses the memory. Must be called once. */
  release(): void {
    assert(!this.released, 'a lease is released once');
    this.released = true;
    this.end();
  }

  /**
   * Copies `count` bytes that the kernel has written to the view, from `start` on.
   *
   * @throws Error ERR_INVALID_STATE when that part of the view is gone.
   */
  abstract copyBack(count: number, start?: number): void;

  protected abstract end(): void;
}

/** The caller's memory itself. */
export class DirectLease extends Lease {
  constructor(
    address: number,
    /** Referenced for as long as the lease is. */
    readonly memory: object,
    private readonly onRelease: (() => void) | undefined,
  ) {
    super(address);
  }

  copyBack(): void {}

  protected end(): void {
    this.onRelease?.();
  }
}

/** A block of the pool in place of the caller's memory. */
export class CopyLease extends Lease {
  private readonly bytes: Uint8Array;

  constructor(
    private readonly block: Block,
    private readonly pool: Pool,
    view: ArrayBufferView,
  ) {
    super(block.address);
    this.bytes = view instanceof Uint8Array ? view : bytesOf(view);
  }

  /** Copies a part of the view, which must exist, to the start of the block. */
  copyIn(count: number, start = 0): void {
    const { bytes } = this;
    this.block.copyFrom(count === bytes.length ? bytes : bytes.subarray(start, start + count));
  }

  copyBack(count: number, start = 0): void {
    if (count === 0) return;
    if (start + count > this.bytes.length) throw detachedError(`the ${count} bytes that were read are lost`);
    this.block.copyTo(this.bytes, count, start);
  }

  protected end(): void {
    this.pool.give(this.block);
  }
}
