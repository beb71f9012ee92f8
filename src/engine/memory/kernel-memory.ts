/**
 * All memory that an engine passes to the kernel: its own, from the pool, and the caller's, through
 * leases.
 *
 * @module
 */

import type { Ring } from '../../ring/index.js';
import type { Syscalls } from '../../syscalls/index.js';
import { isDetached } from '../../validate.js';
import { BufferPool } from './buffers.js';
import { Chunk } from './chunk.js';
import { GroupIds } from './group-ids.js';
import { CopyLease, type Direction, DirectLease, detachedError, type Lease, outlivesThread } from './lease.js';
import { type Block, Pool } from './pool.js';

/** The memory of one engine. */
export class KernelMemory {
  readonly pool: Pool;
  /** Buffers of the pool that users hold. */
  readonly buffers: BufferPool;
  readonly groupIds = new GroupIds();

  constructor(
    readonly ring: Ring,
    syscalls: Syscalls,
  ) {
    this.pool = new Pool(syscalls, (region) => ring.holdUntilRest(region));
    this.buffers = new BufferPool(this.pool, ring);
  }

  /** Takes zeroed memory from the pool. */
  zeroed(size: number): Block {
    const block = this.pool.take(Math.max(1, size));
    block.plain(0, block.size).fill(0);
    return block;
  }

  /** Returns a block with a string or bytes, terminated by a null byte. */
  cString(text: string | Uint8Array): Block {
    if (typeof text === 'string') {
      // No character takes more than three bytes for each of its UTF-16 units.
      const block = this.pool.take(3 * text.length + 1);
      block.writeCString(text);
      return block;
    }
    const block = this.pool.take(text.length + 1);
    const target = block.plain(0, text.length + 1);
    target.set(text);
    target[text.length] = 0;
    return block;
  }

  /**
   * Leases memory for the kernel to work on in place.
   *
   * @returns `undefined` for memory that could disappear: the kernel must work on a copy of it.
   * @throws Error ERR_INVALID_STATE for memory of the pool that was released.
   */
  leaseInPlace(data: ArrayBufferView | Chunk): Lease | undefined {
    if (data instanceof Chunk) {
      data.use();
      return new DirectLease(data.address, data, () => data.drop());
    }
    const held = this.buffers.hold(data);
    if (held !== undefined) return new DirectLease(held.address, data, held.release);
    return outlivesThread(data.buffer) ? new DirectLease(this.ring.addressOf(data), data, undefined) : undefined;
  }

  /**
   * Leases memory, in place or as a copy.
   *
   * @throws Error ERR_INVALID_STATE for memory that is detached, or that belongs to the pool and
   * was released; RangeError when the pool has no memory.
   */
  lease(view: Uint8Array, direction: Direction): Lease {
    if (view.length === 0 && isDetached(view.buffer)) throw detachedError('nothing was done');
    const inPlace = view.length > 0 ? this.leaseInPlace(view) : undefined;
    if (inPlace !== undefined) return inPlace;
    const lease = this.leaseCopy(view, view.length);
    if (direction === 'input') lease.copyIn(view.length);
    return lease;
  }

  /** Leases a block for a part of a view of at most `size` bytes at a time. Copies nothing yet. */
  leaseCopy(view: ArrayBufferView, size: number): CopyLease {
    return new CopyLease(this.pool.take(Math.max(1, size)), this.pool, view);
  }
}
