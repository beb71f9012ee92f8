/**
 * The memory of one operation: what it has of the engine's, and what of the user's it keeps.
 *
 * The kernel is only ever given memory that stays where it is until it is done with it, however the program ends: the engine's pool, and
 * SharedArrayBuffers, which can be neither detached nor transferred. Ordinary ArrayBuffers can, and then somebody else owns their
 * memory: for those the kernel works on a copy in the pool.
 *
 * @module
 */

import { isMainThread } from 'node:worker_threads';
import { MIN_ARENA_SIZE } from '../ring/index.js';
import { invalidState, isDetached } from '../validate.js';
import type { BufferPool } from './buffers.js';
import type { Core } from './core.js';
import { IOVEC_SIZE, writeIovec } from './message-header.js';
import type { Block } from './pool.js';

/** Memory that users can pass: a view of any kind, or a whole buffer. */
export type Memory = ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** Bytes as a view over all of them. */
export function bytesOf(memory: Memory): Uint8Array {
  if (ArrayBuffer.isView(memory)) return new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
  return new Uint8Array(memory);
}

/** Whether a SharedArrayBuffer stays in place even when this thread is terminated (see `ring/arena.ts`). */
export function outlivesThread(buffer: ArrayBufferLike): boolean {
  return buffer instanceof SharedArrayBuffer && (isMainThread || buffer.byteLength >= MIN_ARENA_SIZE);
}

/** The error of an operation whose memory is gone. */
export function detachedError(what: string): Error {
  return invalidState(`the buffer was detached (or shrunk) while it was used; ${what}`);
}

/** What one operation uses, until its last completion. */
export class Scope {
  private readonly blocks: Block[] = [];
  private readonly releases: (() => void)[] = [];
  private readonly outputs: { readonly view: Uint8Array; readonly block: Block; readonly length: number }[] = [];
  /** Referenced as long as the operation is in flight. */
  private readonly kept: object[] = [];

  constructor(
    private readonly core: Core,
    private readonly buffers: BufferPool,
  ) {}

  /** Memory of the pool, zeroed. */
  block(size: number): Block {
    const block = this.core.pool.take(Math.max(1, size));
    this.blocks.push(block);
    block.plain(0, block.size).fill(0);
    return block;
  }

  /** The block that was taken first: for results that the kernel writes into a struct. */
  get firstBlock(): Block {
    return this.blocks[0] as Block;
  }

  /** The registered buffer that a view lies in, or -1. */
  registeredIndex(view: Uint8Array): number {
    return this.buffers.registeredIndex(view);
  }

  /** The address of a string (or bytes), ended by a null byte. */
  cString(text: string | Uint8Array): number {
    const length = Buffer.byteLength(text);
    const block = this.core.pool.take(length + 1);
    this.blocks.push(block);
    const target = block.plain(0, length + 1);
    if (typeof text === 'string') target.write(text);
    else target.set(text);
    target[length] = 0;
    return block.address;
  }

  /** The address of bytes that the kernel reads. */
  input(view: Uint8Array): number {
    const inPlace = this.inPlace(view);
    if (inPlace !== undefined) return inPlace;
    const block = this.core.pool.take(Math.max(1, view.length));
    this.blocks.push(block);
    block.plain(0, view.length).set(view);
    return block.address;
  }

  /** The address of bytes that the kernel writes; {@link collect} brings them to the user. */
  output(view: Uint8Array): number {
    const inPlace = this.inPlace(view);
    if (inPlace !== undefined) return inPlace;
    const block = this.core.pool.take(Math.max(1, view.length));
    this.blocks.push(block);
    this.outputs.push({ view, block, length: view.length });
    return block.address;
  }

  /** The address of an array of `struct iovec` over memory, in one direction. */
  iovecs(views: readonly Uint8Array[], direction: 'input' | 'output'): number {
    const block = this.block(IOVEC_SIZE * views.length);
    views.forEach((view, index) => {
      writeIovec(block, index, this[direction](view), view.length);
    });
    return block.address;
  }

  /** The address of a `struct __kernel_timespec`. */
  timespec(milliseconds: number): number {
    const block = this.block(16);
    const { data } = block.region;
    data.setBigInt64(block.offset, BigInt(Math.floor(milliseconds / 1000)), true);
    data.setBigInt64(block.offset + 8, BigInt(Math.round((milliseconds % 1000) * 1e6)), true);
    return block.address;
  }

  /** The address of shared memory itself, which the kernel watches. */
  addressOfShared(view: ArrayBufferView): number {
    this.keep(view);
    return this.core.ring.addressOf(view);
  }

  /** Keeps an object alive. */
  keep(object: object): void {
    this.kept.push(object);
  }

  /** Runs when the operation is over. */
  onRelease(callback: () => void): void {
    this.releases.push(callback);
  }

  /**
   * Copies what the kernel has written to where the user wants it.
   *
   * @param bytes how many, over all outputs in their order.
   * @throws Error ERR_INVALID_STATE when the user's memory is gone.
   */
  collect(bytes: number): void {
    let left = bytes;
    for (const { view, block, length } of this.outputs) {
      const count = Math.min(left, length);
      left -= count;
      if (count === 0) continue;
      if (view.length !== length) throw detachedError(`the ${bytes} bytes that were read are lost`);
      view.set(block.plain(0, count));
    }
  }

  /** The operation is over: everything goes back. */
  release(): void {
    for (const block of this.blocks) this.core.pool.give(block);
    for (const callback of this.releases) callback();
    this.blocks.length = 0;
    this.releases.length = 0;
    this.kept.length = 0;
    this.outputs.length = 0;
  }

  private inPlace(view: Uint8Array): number | undefined {
    if (view.length === 0) {
      if (isDetached(view.buffer)) throw detachedError('nothing was done');
      return this.block(1).address;
    }
    const owned = this.buffers.hold(view);
    if (owned !== undefined) {
      this.onRelease(owned.release);
      return owned.address;
    }
    if (!outlivesThread(view.buffer)) return undefined;
    this.keep(view);
    return this.core.ring.addressOf(view);
  }
}
