/**
 * The memory of one operation: blocks of the pool, and leases of the caller's memory.
 *
 * @module
 */

import { IOVEC_SIZE } from '../../linux.js';
import type { KernelMemory } from '../memory/kernel-memory.js';
import type { Lease } from '../memory/lease.js';
import { writeIovec } from '../memory/message-header.js';
import type { Block } from '../memory/pool.js';

/** The memory that one operation uses, until its last completion. */
export class Scope {
  private readonly blocks: Block[] = [];
  private readonly leases: Lease[] = [];
  private readonly outputs: { readonly lease: Lease; readonly length: number }[] = [];
  /** Referenced for as long as the operation is in flight. */
  private readonly kept: object[] = [];

  constructor(private readonly memory: KernelMemory) {}

  /** Takes zeroed memory from the pool. */
  block(size: number): Block {
    const block = this.memory.zeroed(size);
    this.blocks.push(block);
    return block;
  }

  /** The block that was taken first: for results that the kernel writes into a struct. */
  get firstBlock(): Block {
    return this.blocks[0] as Block;
  }

  /** Returns the index of the registered buffer that a view lies in, or -1. */
  registeredIndex(view: Uint8Array): number {
    return this.memory.buffers.registeredIndex(view);
  }

  /** Returns the address of a string (or bytes), terminated by a null byte. */
  cString(text: string | Uint8Array): number {
    const block = this.memory.cString(text);
    this.blocks.push(block);
    return block.address;
  }

  /** Returns the address of bytes that the kernel reads. */
  input(view: Uint8Array): number {
    const lease = this.memory.lease(view, 'input');
    this.leases.push(lease);
    return lease.address;
  }

  /**
   * Returns the address of bytes that the kernel writes; {@link collect} copies them to the user's
   * memory.
   */
  output(view: Uint8Array): number {
    const lease = this.memory.lease(view, 'output');
    this.leases.push(lease);
    this.outputs.push({ lease, length: view.length });
    return lease.address;
  }

  /** Returns the address of an array of `struct iovec` over memory, in one direction. */
  iovecs(views: readonly Uint8Array[], direction: 'input' | 'output'): number {
    const block = this.block(IOVEC_SIZE * views.length);
    views.forEach((view, index) => {
      writeIovec(block, index, this[direction](view), view.length);
    });
    return block.address;
  }

  /** Returns the address of a `struct __kernel_timespec`. */
  timespec(milliseconds: number): number {
    const block = this.block(16);
    const { data } = block.region;
    data.setBigInt64(block.offset, BigInt(Math.floor(milliseconds / 1000)), true);
    data.setBigInt64(block.offset + 8, BigInt(Math.round((milliseconds % 1000) * 1e6)), true);
    return block.address;
  }

  /** Returns the address of shared memory itself, which the kernel watches. */
  addressOfShared(view: ArrayBufferView): number {
    this.keep(view);
    return this.memory.ring.addressOf(view);
  }

  /** Keeps an object alive. */
  keep(object: object): void {
    this.kept.push(object);
  }

  /**
   * Copies what the kernel has written to the user's memory.
   *
   * @param bytes how many, over all outputs in order.
   * @throws Error ERR_INVALID_STATE when the user's memory is gone.
   */
  collect(bytes: number): void {
    let left = bytes;
    for (const { lease, length } of this.outputs) {
      lease.copyBack(Math.min(left, length));
      left -= Math.min(left, length);
    }
  }

  /** Releases everything when the operation has completed. */
  release(): void {
    const { leases, blocks, outputs, kept } = this;
    for (const lease of leases) lease.release();
    for (const block of blocks) this.memory.pool.give(block);
    // Emptying an array takes as long as everything else here, even if it is empty.
    if (leases.length > 0) leases.length = 0;
    if (blocks.length > 0) blocks.length = 0;
    if (outputs.length > 0) outputs.length = 0;
    if (kept.length > 0) kept.length = 0;
  }
}
