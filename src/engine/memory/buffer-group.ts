/**
 * A group of buffers that the kernel selects from when data arrives: a ring of provided buffers
 * over blocks of the pool.
 *
 * ```text
 *   owned by the kernel --completion--> its chunks are out --last one released--> the kernel again
 *        ^                                   |
 *        +-- incremental: more data follows in the same buffer while earlier chunks are out
 * ```
 *
 * @module
 */

import { PAGE_SIZE } from '../../ring/arena.js';
import { type BufferRing, CQE_BUFFER_SHIFT, CqeFlag } from '../../ring/index.js';
import { Errno, UringError } from '../../syscalls/index.js';
import type { BufferOwner } from './buffers.js';
import type { Chunk, ChunkKind, ChunkSource } from './chunk.js';
import type { KernelMemory } from './kernel-memory.js';
import type { Block } from './pool.js';

/** Options of a buffer group. */
export interface BufferGroupOptions {
  /** The number of buffers: a power of two up to 32,768. */
  readonly count: number;
  /** Bytes of each buffer. */
  readonly size: number;
  /**
   * Whether buffers are filled piece by piece, where the kernel supports it (6.12). Only for
   * streams: a datagram would be cut at the end of a buffer.
   */
  readonly incremental?: boolean;
  /** Called when the kernel has one more buffer. */
  readonly replenished: () => void;
}

/** A buffer of the group. */
class GroupBuffer implements BufferOwner {
  /** Chunks of it that are out, plus the operations that use it. */
  users = 0;
  /** Where the kernel continues, while the buffer is partly filled. */
  next = 0;
  isKernels = true;

  constructor(
    readonly block: Block,
    readonly view: Uint8Array,
    private readonly unused: (buffer: GroupBuffer) => void,
    readonly id: number,
  ) {}

  covers(view: ArrayBufferView): boolean {
    return this.users > 0 && view.byteOffset + view.byteLength <= this.view.byteOffset + this.view.length;
  }

  use(): void {
    this.users++;
  }

  readonly unuse = (): void => {
    if (--this.users === 0 && !this.isKernels) this.unused(this);
  };
}

/** The buffers, and the group that the kernel knows them by. */
export class BufferGroup implements ChunkSource {
  readonly id: number;
  private readonly bufferRing: BufferRing;
  private readonly buffers: GroupBuffer[] = [];
  private free = 0;
  private ended = false;

  /**
   * @throws UringError where the kernel has no provided buffer rings (before 5.19), or ENOMEM;
   * RangeError when there is no memory. Nothing remains allocated then.
   */
  constructor(
    private readonly memory: KernelMemory,
    private readonly options: BufferGroupOptions,
  ) {
    this.id = memory.groupIds.take();
    try {
      this.bufferRing = this.createRing();
    } catch (error) {
      memory.groupIds.give(this.id);
      throw error;
    }
    try {
      this.fill();
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** The number of buffers that the kernel has. */
  get available(): number {
    return this.free;
  }

  /** Takes the data that a completion has delivered. */
  take<Kind extends Chunk>(res: number, flags: number, kind: ChunkKind<Kind>): Kind {
    const buffer = this.buffers[flags >>> CQE_BUFFER_SHIFT] as GroupBuffer;
    const start = buffer.next;
    buffer.users++;
    if (flags & CqeFlag.BUF_MORE) buffer.next += res;
    else this.taken(buffer);
    return new kind(this, buffer.id, buffer.block, start, res);
  }

  /** Handles a completion that has consumed a buffer without putting data into it. */
  unused(flags: number): void {
    if (!(flags & CqeFlag.BUFFER) || flags & CqeFlag.BUF_MORE) return;
    const buffer = this.buffers[flags >>> CQE_BUFFER_SHIFT] as GroupBuffer;
    this.taken(buffer);
    if (buffer.users === 0) this.provide(buffer);
  }

  giveBack(id: number): void {
    this.buffers[id]?.unuse();
  }

  /** Releases the group, which the kernel no longer uses. Chunks that are out stay valid. */
  end(): void {
    this.ended = true;
    if (!this.memory.ring.closed) this.bufferRing.release();
    this.memory.groupIds.give(this.id);
    for (const buffer of this.buffers) {
      buffer.isKernels = false;
      if (buffer.users === 0) this.provide(buffer);
    }
  }

  private fill(): void {
    const { pool, buffers } = this.memory;
    const { count, size } = this.options;
    for (let id = 0; id < count; id++) {
      // At least a page: the owner of a view is looked up at the starts of pages.
      const block = pool.take(Math.max(PAGE_SIZE, size));
      const view = new Uint8Array(block.region.memory, block.offset, size);
      const buffer = new GroupBuffer(block, view, this.provide, id);
      buffers.own(block, buffer);
      this.buffers.push(buffer);
      this.bufferRing.add(view, id, id);
    }
    this.bufferRing.advance(count);
    this.free = count;
  }

  private createRing(): BufferRing {
    const { bufferRings } = this.memory.ring;
    const ring = { group: this.id, entries: this.options.count };
    if (!this.options.incremental) return bufferRings.create(ring);
    try {
      return bufferRings.create({ ...ring, incremental: true });
    } catch (error) {
      if (!(error instanceof UringError) || error.errno !== -Errno.EINVAL) throw error;
      return bufferRings.create(ring);
    }
  }

  private taken(buffer: GroupBuffer): void {
    buffer.isKernels = false;
    buffer.next = 0;
    this.free--;
  }

  /** Returns a free buffer to the kernel or, after the end, to the pool. */
  private readonly provide = (buffer: GroupBuffer): void => {
    if (this.ended) {
      const { pool, buffers } = this.memory;
      buffers.disown(buffer.block);
      pool.give(buffer.block);
      return;
    }
    // A ring that has failed was closed before its receivers had ended.
    if (this.memory.ring.closed) return;
    buffer.isKernels = true;
    this.free++;
    this.bufferRing.provide(buffer.view, buffer.id);
    this.options.replenished();
  };
}
