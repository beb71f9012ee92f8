/**
 * Buffers of the engine's own memory for users: what is read into or written from them is never copied.
 *
 * @module
 */

import { PAGE_SIZE } from '../../ring/arena.js';
import type { Ring } from '../../ring/index.js';
import type { SharedBytes } from '../../ring/shared-views.js';
import { UringError } from '../../syscalls/index.js';
import { checkInteger, invalidState } from '../../validate.js';
import { type Block, type Pool, type Region, SLAB_SIZE, slabOrigin } from './pool.js';

/** Largest buffer: 1 GiB. */
const MAX_SIZE = 0x4000_0000;

/** Slots of the ring's table of registered buffers: one a slab. */
const TABLE_SIZE = 4096;

/** Who decides when a block of the pool is free. @internal */
export interface BufferOwner {
  /** Whether it is in use by the program, and the view lies in it. */
  covers(view: ArrayBufferView): boolean;
  /** One more operation uses it. */
  use(): void;
  /** One fewer. */
  readonly unuse: () => void;
}

/** A buffer of the engine's, page-aligned, until it is given back. */
export class PooledBuffer {
  /** Its memory, of exactly the size asked for, on a SharedArrayBuffer. Not to be used after {@link release}. */
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
   * Gives it back. Operations in flight go on: the memory is used again only when the last of them is over. Idempotent.
   */
  release(): void {
    if (this.released) return;
    this.released = true;
    if (this.users === 0) this.giveBack(this.block);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** Whether it is still the user's, and the view lies in it. @internal */
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
  /** Whether the ring has a table of registered buffers: unknown until somebody wants one. */
  private table: boolean | undefined;
  private live = 0;

  /** @internal */
  constructor(
    private readonly pool: Pool,
    private readonly ring: Ring,
  ) {}

  /**
   * A buffer of the pool: page-aligned (good for O_DIRECT), and registered with the kernel as far as its limits allow.
   *
   * @param size bytes, 1 to 1 GiB. What it contains is undefined.
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

  /** Notes whose a block is, that operations may use views of it. @internal */
  own(block: Block, owner: BufferOwner): void {
    let owners = this.owners.get(block.region);
    if (owners === undefined) {
      owners = new Map();
      this.owners.set(block.region, owners);
    }
    owners.set(block.offset, owner);
  }

  /** Nobody's any more. @internal */
  disown(block: Block): void {
    this.owners.get(block.region)?.delete(block.offset);
  }

  /** How many buffers are allocated, and how many bytes of the pool are in use, the engine's own included. */
  get usage(): { readonly buffers: number; readonly bytes: number } {
    return { buffers: this.live, bytes: this.pool.bytesInUse };
  }

  /**
   * The registered buffer that a view of the pool lies in, as its index, or -1: none, or the kernel would have no more of them.
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
   * Notes that an operation uses a view of the pool.
   *
   * @returns its address and what ends the use; `undefined` when the memory is not the pool's.
   * @throws Error ERR_INVALID_STATE when it is the pool's, but of no buffer that is still the user's.
   * @internal
   */
  hold(view: ArrayBufferView): { readonly address: number; readonly release: () => void } | undefined {
    const region = this.pool.regionOf(view);
    if (region === undefined) return undefined;
    const owner = this.ownerOf(region, view.byteOffset);
    if (owner?.covers(view) !== true) throw invalidState('the buffer was given back to the pool');
    owner.use();
    return { address: region.base + view.byteOffset, release: owner.unuse };
  }

  /** The buffer that begins last before a place: if the place is any buffer's at all, it is this one's. */
  private ownerOf(region: Region, offset: number): BufferOwner | undefined {
    const owners = this.owners.get(region);
    if (owners === undefined) return undefined;
    const origin = slabOrigin(region);
    // A block starts at a multiple of its size, up to a slab's; beyond, at a slab.
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
      // RLIMIT_MEMLOCK, or a kernel without sparse tables: everything works without, a little slower.
      if (!(error instanceof UringError)) throw error;
      this.table = false;
      return false;
    }
  }
}
