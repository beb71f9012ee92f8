/**
 * Buffers of the engine's own memory for users. The kernel reads and writes them without a copy.
 *
 * @module
 */

import { PAGE_SIZE } from '../../ring/arena.js';
import type { Ring } from '../../ring/index.js';
import type { SharedBytes } from '../../ring/shared-views.js';
import { UringError } from '../../syscalls/index.js';
import { checkInteger, invalidState } from '../../validate.js';
import { type Block, type Pool, type Region, SLAB_SIZE, slabOrigin } from './pool.js';

/** The size of the largest buffer: 1 GiB. */
const MAX_SIZE = 0x4000_0000;

/** Slots in the ring's table of registered buffers: one for each slab. */
const TABLE_SIZE = 4096;

/** The owner of a block, which decides when the block is free. @internal */
export interface BufferOwner {
  /** Returns whether the program is using it and the view lies within it. */
  covers(view: ArrayBufferView): boolean;
  /** Adds an operation that uses it. */
  use(): void;
  /** Removes one. */
  readonly unuse: () => void;
}

/** A page-aligned buffer of the engine's memory, valid until it is released. */
export class PooledBuffer {
  /**
   * Its memory, of exactly the requested size, on a SharedArrayBuffer. Must not be used after
   * {@link release}.
   */
  readonly bytes: SharedBytes;
  private users = 0;
  private released = false;

  /** @internal */
  constructor(
    private readonly block: Block,
    size: number,
    private readonly giveBack: (block: Block) => void,
  ) {
    this.bytes = new Uint8Array(block.region.memory, block.offset, size);
  }

  /**
   * Releases the buffer. Operations in flight continue: its memory is reused only when the last of
   * them has completed. Idempotent.
   */
  release(): void {
    if (this.released) return;
    this.released = true;
    if (this.users === 0) this.giveBack(this.block);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** Whether the user still holds it and the view lies within it. @internal */
  covers(view: ArrayBufferView): boolean {
    return !this.released && view.byteOffset + view.byteLength <= this.block.offset + this.bytes.length;
  }

  /** @internal */
  use(): void {
    this.users++;
  }

  /** @internal */
  readonly unuse = (): void => {
    this.users--;
    if (this.users === 0 && this.released) this.giveBack(this.block);
  };
}

/** `uring.buffers`: memory that the kernel works on without a copy. */
export class BufferPool {
  /** By region, then by offset. */
  private readonly owners = new Map<Region, Map<number, BufferOwner>>();
  /** Whether the ring has a table of registered buffers: unknown until the first use. */
  private table: boolean | undefined;
  private live = 0;

  /** @internal */
  constructor(
    private readonly pool: Pool,
    private readonly ring: Ring,
  ) {}

  /**
   * Allocates a buffer from the pool: page-aligned (suitable for O_DIRECT), and registered with the
   * kernel as far as its limits allow.
   *
   * @param size bytes, 1 to 1 GiB. The contents are undefined.
   *
   * @example
   * ```ts
   * using buffer = uring.buffers.allocate(4096);
   * const count = await uring.read(fd, buffer.bytes, { offset: 0 });
   * ```
   */
  allocate(size: number): PooledBuffer {
    checkInteger('size', size, 1, MAX_SIZE);
    const block = this.pool.take(Math.max(PAGE_SIZE, size));
    const buffer = new PooledBuffer(block, size, this.giveBack);
    this.own(block, buffer);
    this.live++;
    return buffer;
  }

  /** Records the owner of a block, so that operations may use views of it. @internal */
  own(block: Block, owner: BufferOwner): void {
    let owners = this.owners.get(block.region);
    if (owners === undefined) {
      owners = new Map();
      this.owners.set(block.region, owners);
    }
    owners.set(block.offset, owner);
  }

  /** Removes the owner of a block. @internal */
  disown(block: Block): void {
    this.owners.get(block.region)?.delete(block.offset);
  }

  /**
   * The number of buffers allocated, and the bytes of the pool in use, including the engine's own.
   */
  get usage(): { readonly buffers: number; readonly bytes: number } {
    return { buffers: this.live, bytes: this.pool.bytesInUse };
  }

  /**
   * Returns the index of the registered buffer that a view of the pool lies in, or -1 when there is
   * none or the kernel accepts no more.
   *
   * @internal
   */
  registeredIndex(view: ArrayBufferView): number {
    const region = this.pool.regionOf(view);
    if (region === undefined) return -1;
    const from = view.byteOffset - slabOrigin(region);
    const slab = Math.floor(from / SLAB_SIZE);
    if (Math.floor((from + view.byteLength - 1) / SLAB_SIZE) !== slab) return -1;
    const index = region.firstSlab + slab;
    return this.pool.pinned.has(index) || this.register(region, slab, index) ? index : -1;
  }

  /**
   * Records that an operation uses a view of the pool.
   *
   * @returns its address and a function that ends the use; `undefined` when the memory does not
   * belong to the pool.
   * @throws Error ERR_INVALID_STATE when the memory belongs to the pool, but not to a buffer that
   * the user still holds.
   * @internal
   */
  hold(view: ArrayBufferView): { readonly address: number; readonly release: () => void } | undefined {
    const region = this.pool.regionOf(view);
    if (region === undefined) return undefined;
    const owner = this.ownerOf(region, view.byteOffset);
    if (owner?.covers(view) !== true) throw invalidState('the buffer was released');
    owner.use();
    return { address: region.base + view.byteOffset, release: owner.unuse };
  }

  /**
   * Returns the owner of the last buffer that begins before a place: if the place lies in a buffer
   * at all, it is that one.
   */
  private ownerOf(region: Region, offset: number): BufferOwner | undefined {
    const owners = this.owners.get(region);
    if (owners === undefined) return undefined;
    const origin = slabOrigin(region);
    // A block starts at a multiple of its size up to the size of a slab. Larger blocks start at a
    // slab.
    for (let size = PAGE_SIZE; size <= SLAB_SIZE; size *= 2) {
      const start = origin + Math.floor((offset - origin) / size) * size;
      const owner = owners.get(start);
      if (owner !== undefined) return owner;
    }
    for (let start = origin + Math.floor((offset - origin) / SLAB_SIZE) * SLAB_SIZE; start >= origin; start -= SLAB_SIZE) {
      const owner = owners.get(start);
      if (owner !== undefined) return owner;
    }
    return undefined;
  }

  private readonly giveBack = (block: Block): void => {
    this.disown(block);
    this.live--;
    this.pool.give(block);
  };

  private register(region: Region, slab: number, index: number): boolean {
    if (this.table === false || index >= TABLE_SIZE) return false;
    const start = slabOrigin(region) + slab * SLAB_SIZE;
    if (start + SLAB_SIZE > region.memory.byteLength) return false;
    try {
      if (this.table === undefined) {
        this.ring.buffers.registerSparse(TABLE_SIZE);
        this.table = true;
      }
      this.ring.buffers.update(index, [new Uint8Array(region.memory, start, SLAB_SIZE)]);
      this.pool.pinned.add(index);
      return true;
    } catch (error) {
      // RLIMIT_MEMLOCK, or a kernel without sparse tables: everything works without registration, a
      // little slower.
      if (!(error instanceof UringError)) throw error;
      this.table = false;
      return false;
    }
  }
}
